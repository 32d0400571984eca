import Millrace
import MillraceHTTP
import MillraceMemory

// observed               runs a pipeline until Ctrl-C, with its metrics at http://127.0.0.1:9464/metrics
// observed --port 8080   the same at another port; 0 takes one that is free

guard let port = requestedPort(CommandLine.arguments) else {
    print("usage: observed [--port 0...65535]")
    exit(code: 2)
}

let metrics = MetricsRegistry()
let endpoint = HTTPEndpoint(port: port, metrics: metrics)
let broker = MemoryTransport()
let router = try makeRouter(on: broker, metrics, endpoint)

async let running: Void = router.run()
try await router.waitUntilRunning()
// Standard error, because standard output keeps its lines for a while unless it is a terminal.
ConsoleLog.writeToStandardError("http://\(endpoint.host):\(endpoint.port)/metrics")

var number = 0
while router.health.phase == .running {
    number += 1
    try await broker.publish(Message(encoding: Order(number: number)), to: "orders")
    try await SystemClock.shared.sleep(for: .milliseconds(20))
}
try await running
print("\(number) orders, drained")
