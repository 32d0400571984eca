@testable import Millrace
import MillraceMemory
import MillraceTesting
import TestSupport
import Testing

/// Pauses after what breaks again and again.
@Suite(.timeLimit(.minutes(1))) struct FailureStreakTests {
    private static let restart = Backoff.exponential(from: .seconds(1), upTo: .seconds(30), jitter: false)
    private let clock = ManualClock()
    private let random = RandomSource(seed: 1)

    @Test("They grow while what was begun lasts for less than they do, and begin anew when it has lasted")
    func growth() {
        var streak = FailureStreak(Self.restart)
        func fail(after lasted: Duration?) -> Duration {
            if let lasted {
                streak.begun(at: clock.now)
                clock.advance(by: lasted)
            }
            return streak.failed(at: clock.now, random: random)
        }
        #expect(fail(after: nil) == .seconds(1))
        #expect(fail(after: nil) == .seconds(2))
        #expect(fail(after: .zero) == .seconds(4))
        #expect(fail(after: .milliseconds(3_999)) == .seconds(8))
        #expect(fail(after: .seconds(8)) == .seconds(1))
        #expect(fail(after: .milliseconds(10)) == .seconds(2))
        streak.worked()
        #expect(fail(after: .zero) == .seconds(1))
    }

    /// A transport whose subscriptions end as soon as they are there.
    private struct Flapping: Subscriber {
        let broker: MemoryTransport
        var capabilities: Capabilities { broker.capabilities }
        func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
            let subscription = try await broker.subscribe(to: topic, options)
            await subscription.close()
            return subscription
        }
        func attach(_ observer: any Observer & AnyObject) {}
    }

    @Test("A handler whose subscription is lost at once each time is restarted less and less often")
    func handler() async throws {
        let events = RecordingObserver()
        let router = Router(RouterOptions(restart: Self.restart, clock: clock, observers: [events]))
        try router.consume("h", from: "t", on: Flapping(broker: quietBroker(clock: clock))) { _, _ in }
        try await withRunning(router) {
            _ = try await clock.advance(upTo: .seconds(3_600)) {
                events.count { if case .handlerRestarting = $0.kind { true } else { false } } >= 6
            }
        }
        let delays = events.events.compactMap {
            if case .handlerRestarting(_, _, _, let delay, _) = $0.kind { delay } else { nil }
        }
        #expect(delays.prefix(6) == [.seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(16), .seconds(30)])
    }
}
