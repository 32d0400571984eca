@testable import Millrace
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct ThrottleTests {
    @Test func theBucketFillsEvenlyUpToItsBurst() {
        let bucket = TokenBucket(interval: 100, burst: 3)
        func take(_ now: Int64) -> Duration { bucket.take(at: ClockInstant(nanoseconds: now)) }
        #expect([take(1_000), take(1_000), take(1_000)] == [.zero, .zero, .zero])
        #expect(take(1_000) == .nanoseconds(100))
        #expect(take(1_000) == .nanoseconds(200))
        bucket.putBack()
        #expect(take(1_100) == .nanoseconds(100))
        #expect([take(9_000), take(9_000), take(9_000)] == [.zero, .zero, .zero])
        #expect(take(9_000) == .nanoseconds(100))
    }

    @Test("Rates and bursts beyond the range of the clock are held to it", arguments: [(1, Int.max), (Int.max, 1)])
    func hugeParameters(_ seconds: Int, _ burst: Int) async throws {
        try await Bench().run {
            Throttle(1, per: .seconds(seconds), burst: burst)
            RateLimit(1, per: .seconds(seconds), burst: burst) { _ in "k" }
        } handler: { message, _ in
            [message]
        } _: { out in
            _ = try await out.next()
        }
    }

    @Test func aMessageWaitsForItsToken() async throws {
        let clock = ManualClock()
        let bench = try Bench(clock: clock)
        try await bench.run((0..<3).map { Message(text: "\($0)") }) {
            Throttle(1, per: .seconds(1))
        } handler: { message, context in
            [Message(text: "\(context.clock.now.nanoseconds / 1_000_000_000)")]
        } _: { out in
            for _ in 1..<3 {
                // The wait itself, the look of the workers' watcher, and the group's first lease.
                try await clock.waitForTimers(3)
                clock.advance(by: .seconds(1))
            }
            for second in 0..<3 { #expect(try await out.next().payload.text == "\(second)") }
        }
    }

    @Test func aShutdownIsNotDelayed() async throws {
        let bench = try Bench()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(1), observers: [])) { Throttle(1, per: .seconds(3_600)) }
        let first = Signal()
        try router.consume("h", from: "in", on: bench.broker) { _, _ in first.fire() }
        try await withRunning(router) {
            try await bench.broker.publish([Message(text: "1"), Message(text: "2")], to: "in")
            try await first.wait()
        }
        #expect(bench.broker.depth(of: "in", group: "h")?.waiting == 1)
    }
}
