import Millrace
import MillraceMemory

// quickstart            runs a pipeline of forty orders and ends by itself
// quickstart --forever  goes on until Ctrl-C, then drains

let forever = CommandLine.arguments.contains("--forever")
let tally = Tally()
let pipeline = Pipeline(broker: MemoryTransport(), tally: tally)
let router = try pipeline.makeRouter()

print("Topology\n\(router.describe().text)\n\nPipeline")
async let running: Void = router.run()
try await router.waitUntilRunning()

if forever {
    var number = 1
    while router.health.phase == .running {
        try await pipeline.place(number..<(number + 1))
        number += 1
        try await SystemClock.shared.sleep(for: .milliseconds(200))
    }
} else {
    try await pipeline.place(1...40)
    while !tally.isComplete { try await SystemClock.shared.sleep(for: .milliseconds(5)) }
    router.shutdown()
}

try await running
print("\nSummary\n\(tally.summary)")
