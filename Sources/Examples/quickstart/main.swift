import Millrace
import MillraceAMQP
import MillraceMemory
import MillraceNATS
import MillraceRedis
import MillraceSQLite

// quickstart                        runs a pipeline of forty orders and ends by itself
// quickstart --forever              goes on until Ctrl-C, then drains
// quickstart --url sqlite:demo.db   keeps everything in a file: stopped, however that happens, and started again, it goes on
//                                   where it was

let arguments = CommandLine.arguments
let forever = arguments.contains("--forever")
let url = arguments.firstIndex(of: "--url").flatMap { arguments.dropFirst($0 + 1).first } ?? "memory:"
let broker = try await TransportRegistry(.memory, .sqlite, .redis, .nats, .amqp).connect(url)
let tally = Tally()
let pipeline = Pipeline(broker: broker, tally: tally)
let router = try pipeline.makeRouter()

print("Topology\n\(router.describe().text)\n\nPipeline")
let last = try await pipeline.lastOrder()
if last > 0 { print("  : order \(last) was the last one before; going on behind it") }
async let running: Void = router.run()
try await router.waitUntilRunning()

if forever {
    var number = last + 1
    while router.health.phase == .running {
        try await pipeline.place(number..<(number + 1))
        number += 1
        try await SystemClock.shared.sleep(for: .milliseconds(200))
    }
} else {
    try await pipeline.place(last + 1...last + 40)
    while !tally.isComplete, router.health.phase == .running { try await SystemClock.shared.sleep(for: .milliseconds(5)) }
    router.shutdown()
}

try await running
await broker.close()
print("\nSummary\n\(tally.summary)")
