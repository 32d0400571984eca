import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

/// The conformance suite on consumers of fan-outs: a subscription of theirs is one like any other.
@Suite struct FanOutConformanceTests {
    @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
        try await Self.turnstile.pass { _ = try await test.run(on: Self.subject(clock: nil)) }
    }

    @Test(arguments: ConformanceTest.all) func conformsUnderManualClock(_ test: ConformanceTest) async throws {
        try await Self.turnstile.pass { _ = try await test.run(on: Self.subject(clock: ManualClock())) }
    }

    private static func subject(clock: ManualClock?) -> ConformanceSubject {
        var subject = ConformanceSubject(
            "fan-out",
            capabilities: [
                .groups, .ordered, .orderedByKey, .orderedAcrossMembers, .delayedRetry, .attemptCount, .leases, .backPressure,
                .deadLetters,
            ]
        ) {
            FanOutTransport(clock: clock ?? SystemClock.shared)
        }
        subject.sharesBroker = false
        subject.capacity = MemoryOptions().capacity
        subject.manualClock = clock
        // With the system's clock, a busy machine must not outlast it.
        subject.lease = .seconds(3)
        subject.idleTimeout = .seconds(60)
        return subject
    }

    // A few at a time: under thread sanitizer, all at once take longer than any of them may.
    private static let turnstile = Turnstile(8)
}

/// Memory, with a fan-out before each consumer group that has it for its only consumer.
private final class FanOutTransport: Transport {
    private struct Name: Hashable {
        let topic: String
        let group: String
    }

    private let base: MemoryTransport
    private let clock: any SchedulingClock
    private let fanOuts = Lock<[Name: FanOut]>([:])

    init(clock: any SchedulingClock) {
        self.clock = clock
        base = MemoryTransport(clock: clock, observers: Observers())
    }

    var system: String { base.system }
    var capabilities: Capabilities { base.capabilities }

    func prepare(topic: String, group: String?) async throws { try await base.prepare(topic: topic, group: group) }
    func publish(_ messages: [Message], to topic: String) async throws { try await base.publish(messages, to: topic) }
    func close() async { await base.close() }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        guard let group = options.group else { return try await base.subscribe(to: topic, options) }
        let fanOut = fanOuts.withLock { fanOuts in
            let name = Name(topic: topic, group: group)
            let fanOut =
                fanOuts[name]
                ?? FanOut(
                    topic, on: base, group: group, to: [group], start: options.start, clock: clock, observers: Observers())
            fanOuts[name] = fanOut
            return fanOut
        }
        var options = options
        options.start = nil
        return try await fanOut.subscribe(to: topic, options)
    }
}
