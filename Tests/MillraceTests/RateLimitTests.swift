@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct RateLimitTests {
    @Test("A busy key does not hold up the others, and each of its messages comes back once")
    func keys() async throws {
        let clock = ManualClock()
        let times = Box<[String: [Int64]]>([:])
        let deliveries = Box<[Int]>([])
        let messages =
            (0..<20).map { Message(text: "\($0)", key: "busy") } + (0..<3).map { Message(text: "\($0)", key: "calm \($0)") }
        // No message may be given up because it had to wait.
        try await Bench(clock: clock).run(messages, .init(maximumAttempts: 1)) {
            RateLimit(1, per: .seconds(1), by: \.key)
            Retry(attempts: 2, backoff: .constant())
        } handler: { message, context in
            let second = context.clock.now.nanoseconds / 1_000_000_000
            #expect(context.attempt == 1)
            deliveries.update { $0.append(context.deliveryAttempt) }
            times.update { $0[message.key ?? "", default: []].append(second) }
            return [message]
        } _: { out in
            let first = try await out.collect(4)
            #expect(Set(first.compactMap(\.key)) == ["busy", "calm 0", "calm 1", "calm 2"])
            while deliveries.value.count < 23, !Task.isCancelled {
                clock.advance(by: .milliseconds(100))
                for _ in 0..<50 { await Task.yield() }
            }
        }
        #expect(times.value["busy"] == Array(0..<20))
        #expect(deliveries.value.allSatisfy { $0 <= 2 })
    }

    @Test("Short waits are in place")
    func inPlace() async throws {
        let clock = ManualClock()
        let deliveries = Box<[Int]>([])
        try await Bench(clock: clock).run((0..<5).map { Message(text: "\($0)") }) {
            RateLimit(5, per: .seconds(1), by: { _ in "all" })
        } handler: { _, context in
            deliveries.update { $0.append(context.deliveryAttempt) }
            return []
        } _: { _ in
            while deliveries.value.count < 5, !Task.isCancelled {
                clock.advance(by: .milliseconds(50))
                for _ in 0..<50 { await Task.yield() }
            }
        }
        #expect(deliveries.value == [1, 1, 1, 1, 1])
    }

    @Test("nil is not limited, and a burst passes at once")
    func nilAndBurst() async throws {
        let bench = try Bench(clock: ManualClock())
        let messages = (0..<10).map { Message(text: "free \($0)") } + (0..<3).map { Message(text: "\($0)", key: "k") }
        try await bench.run(messages) {
            RateLimit(1, per: .seconds(3_600), burst: 3, by: \.key)
        } handler: { message, _ in
            [message]
        } _: { out in
            _ = try await out.collect(13)
        }
    }

    @Test("Handlers that share the instance share the buckets")
    func shared() async throws {
        let clock = ManualClock()
        let broker = try quietBroker(clock: clock)
        var options = RouterOptions.quiet
        options.clock = clock
        let router = Router(options) { RateLimit(1, per: .seconds(1), by: { _ in "all" }) }
        let times = Box<[Int64]>([])
        for name in ["a", "b"] {
            try router.consume(name, from: "in", on: broker) { _, context in
                let now = context.clock.now.nanoseconds / 1_000_000_000
                times.update { $0.append(now) }
            }
        }
        try await withRunning(router) {
            try await broker.publish((0..<3).map { Message(text: "\($0)") }, to: "in")
            while times.value.count < 6, !Task.isCancelled {
                clock.advance(by: .milliseconds(100))
                for _ in 0..<50 { await Task.yield() }
            }
        }
        #expect(times.value == [0, 1, 2, 3, 4, 5])
    }

    @Test("Full buckets are dropped, and keys beyond the maximum share one")
    func bounded() {
        let buckets = TokenBuckets(interval: 1_000, burst: 1, maximumKeys: 100)
        func take(_ key: Int, at now: Int64) -> Duration {
            let holder = TokenBuckets.Holder(handler: "h", id: MessageID("\(key) \(now)"))
            switch buckets.take("\(key)", for: holder, at: ClockInstant(nanoseconds: now), waitingUpTo: nil) {
            case .now: return .zero
            case .here(let delay, _), .later(let delay): return delay
            }
        }
        for key in 0..<100 { #expect(take(key, at: 0) == .zero) }
        #expect(buckets.count == 100)
        #expect(take(100, at: 0) == .zero)
        #expect(take(101, at: 0) == .nanoseconds(1_000))
        #expect(buckets.count == 100)
        #expect(take(5, at: 0) == .nanoseconds(1_000))
        // All are full again but key 5's.
        #expect(take(102, at: 1_500) == .zero)
        #expect(buckets.count == 2)
        #expect(take(5, at: 1_500) == .nanoseconds(500))
    }

    @Test("A shutdown is not delayed, and a wait that is broken off gives its token back")
    func shutdown() async throws {
        let broker = try quietBroker()
        let limit = RateLimit(1, per: .seconds(3_600), inPlaceUpTo: .seconds(7_200), by: { _ in "all" })
        let router = Router(RouterOptions(drainTimeout: .milliseconds(1), observers: [])) { limit }
        let first = Signal()
        try router.consume("h", from: "in", on: broker) { _, _ in first.fire() }
        try await withRunning(router) {
            try await broker.publish([Message(text: "1"), Message(text: "2")], to: "in")
            try await first.wait()
        }
        #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
    }

    @Test("Parameters out of bounds are refused at registration")
    func parameters() throws {
        let broker = try quietBroker()
        func refusal(_ limit: RateLimit) -> String? {
            let router = Router(.quiet) { limit }
            return #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: broker) { _, _ in } }?.message
        }
        let second = Duration.seconds(1)
        #expect(
            refusal(RateLimit(0, per: second, by: \.key)) == "handler 'h': RateLimit: count is 0, it must be at least 1")
        #expect(refusal(RateLimit(1, per: .zero, by: \.key))?.contains("interval is 0.0") == true)
        #expect(refusal(RateLimit(1, per: second, burst: 0, by: \.key))?.contains("burst is 0") == true)
        #expect(refusal(RateLimit(1, per: second, inPlaceUpTo: .seconds(-1), by: \.key))?.contains("inPlaceUpTo is -1") == true)
        #expect(refusal(RateLimit(1, per: second, maximumKeys: 0, by: \.key))?.contains("maximumKeys is 0") == true)
    }
}
