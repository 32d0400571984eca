import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

/// Leases, lost subscriptions, and what can't work.
@Suite struct FanOutFaultTests {
    @Test func whatIsUnfinishedStaysClaimed() async throws {
        let clock = ManualClock()
        let observer = RecordingObserver()
        let bench = try await FanOutBench(.memory, lease: .seconds(9), clock: clock, observers: Observers([observer]))
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        try await bench.publish(0..<2)
        // One is being handled for a long time, the other waits and is not even handed out.
        let held = try await a.take(1)
        b.acknowledge(try await b.take(2))
        for _ in 0..<60 {
            clock.advance(by: .seconds(1))
            a.renew(held.map(\.token))
        }
        #expect(observer.events.isEmpty, "\(observer.events)")
        #expect(try await b.isEmpty(on: clock))
        a.acknowledge(held)
        a.acknowledge(try await a.take(1))
        #expect((bench.broker as? MemoryTransport)?.depth(of: "orders", group: "shop")?.total == 0)
    }

    @Test func whatAConsumerForgetsComesToItAgain() async throws {
        let clock = ManualClock()
        let observer = RecordingObserver()
        let bench = try await FanOutBench(.memory, clock: clock, observers: Observers([observer]))
        let a = try await bench.subscribe("a", prefetch: 1, lease: .seconds(4))
        let b = try await bench.subscribe("b")
        try await bench.publish(0..<1)
        let forgotten = try await a.take(1)
        b.acknowledge(try await b.take(1))
        clock.advance(by: .seconds(6))
        let again = try await a.take(1)
        #expect(again.texts == ["0"])
        #expect(again.attempts == [2])
        a.acknowledge(forgotten)
        #expect((bench.broker as? MemoryTransport)?.depth(of: "orders", group: "shop")?.total == 1)
        a.acknowledge(again)
        #expect((bench.broker as? MemoryTransport)?.depth(of: "orders", group: "shop")?.total == 0)
        let expired = observer.count { event in
            if case .leaseExpired("orders", "a", forgotten[0].position, 1) = event.kind { true } else { false }
        }
        #expect(expired == 1)
        #expect(try await b.isEmpty(on: clock))
    }

    @Test(arguments: 0..<8) func nothingIsLostByFaults(_ seed: UInt64) async throws {
        let bench = try await FanOutBench(seed % 2 == 0 ? .memory : .sqlite)
        let faulty = FaultyTransport(
            bench.broker,
            plan: [
                .cutSubscription: .probability(0.01), .dropAcknowledgement: .probability(0.05),
                .duplicateDelivery: .probability(0.05), .dropSettlement: .probability(0.05),
            ], seed: seed)
        let fanOut = FanOut(
            "orders", on: faulty, group: "shop", to: ["a", "b", "c"], prefetch: 64, lease: .milliseconds(200),
            observers: Observers([]))
        var options = RouterOptions.quiet()
        options.restart = .constant(.milliseconds(1))
        let router = Router(options)
        let random = RandomSource(seed: seed)
        let logs = ["a": Log<Message>(), "b": Log<Message>(), "c": Log<Message>()]
        for (name, log) in logs {
            try router.consume(
                name, from: "orders", on: fanOut,
                options: .init(
                    concurrency: 4, ordered: .byKey, redelivery: .constant(.milliseconds(1)), lease: .milliseconds(200))
            ) { message, _ in
                if random.unit() < 0.05 { throw Flaky() }
                log.append(message)
            }
        }
        try await bench.broker.prepare(topic: "orders", group: "shop")
        try await withRunning(router) {
            var count = 0
            // On until the subscription was cut: how often it is pulled depends on how busy the machine is.
            while count < 400 || faulty.count(of: .cutSubscription) == 0 {
                try await bench.broker.publish(Arrivals.messages(count..<count + 50), to: "orders")
                count += 50
                guard count >= 400 else { continue }
                for (name, log) in logs {
                    let arrivals = try await log.arrivals(of: count)
                    #expect(arrivals.disordered.isEmpty, "\(name): \(arrivals.disordered) came out of order")
                }
            }
        }
        await bench.broker.close()
    }

    @Test func aLostSubscriptionEndsThoseOfAllConsumers() async throws {
        let bench = try await FanOutBench(.memory)
        let faulty = FaultyTransport(bench.broker, plan: [.cutSubscription: .nth(2)], seed: 1)
        let fanOut = FanOut("orders", on: faulty, group: "shop", to: ["a", "b"], observers: Observers([]))
        func subscribe(_ consumer: String) async throws -> any Subscription {
            try await fanOut.subscribe(to: "orders", SubscriptionOptions(group: consumer))
        }
        let (a, b) = (try await subscribe("a"), try await subscribe("b"))
        b.pause()
        let waiting = Task { try await b.take(1) }
        try await bench.publish(0..<1)
        a.acknowledge(try await a.take(1))
        try await bench.publish(1..<2)
        for consumer in [Task { try await a.take(2) }, waiting] {
            let error = await #expect(throws: MillraceError.self) { try await consumer.value }
            #expect(error?.code == .connectionFailed)
        }
        await a.close()
        // The other one is not closed yet, and another life begins all the same.
        let (c, d) = (try await subscribe("a"), try await subscribe("b"))
        await b.close()
        for consumer in [c, d] { #expect(try await consumer.take(2).texts.sorted() == ["0", "1"]) }
    }

    @Test func aTransportThatIsClosedEndsTheConsumers() async throws {
        let bench = try await FanOutBench(.memory)
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        await bench.broker.close()
        for consumer in [a, b] {
            let error = await #expect(throws: MillraceError.self) { _ = try await consumer.take(1) }
            #expect(error?.code == .closed)
            await consumer.close()
        }
        await #expect(throws: MillraceError.self) { _ = try await bench.subscribe("a") }
    }

    @Test func whatCannotWorkIsRefused() async throws {
        let broker = MemoryTransport(observers: Observers([]))
        func refusal(
            _ fanOut: FanOut, topic: String = "orders", _ options: SubscriptionOptions = .init(group: "a")
        ) async -> (MillraceError.Code?, String) {
            let error = await #expect(throws: MillraceError.self) { _ = try await fanOut.subscribe(to: topic, options) }
            return (error?.code, error?.message ?? "")
        }
        func fanOut(_ consumers: [String], prefetch: Int = 1, start: StartPosition? = nil) -> FanOut {
            FanOut("orders", on: broker, group: "shop", to: consumers, prefetch: prefetch, start: start)
        }
        #expect(
            await refusal(fanOut([]))
                == (.invalidOption, "fan-out of 'orders': to is 0 consumers, it must be 1 to 64"))
        #expect(
            await refusal(fanOut(["a", "a"]))
                == (.invalidOption, "fan-out of 'orders': to is with 'a' twice, it must be different consumers"))
        #expect(await refusal(fanOut(["a", ""])).0 == .invalidOption)
        #expect(await refusal(fanOut(["a"], prefetch: 0)).0 == .invalidOption)
        #expect(await refusal(fanOut(["a"], start: .time(unixMilliseconds: 1))).0 == .unsupported)
        let good = fanOut(["a", "b"])
        #expect(
            await refusal(good, topic: "bills")
                == (.unsupported, "fan-out of 'orders': topic is 'bills', it must be 'orders': a fan-out has one topic"))
        #expect(
            await refusal(good, .init())
                == (.invalidOption, "fan-out of 'orders': group is nil, it must be one of its consumers: 'a', 'b'"))
        #expect(
            await refusal(good, .init(group: "c"))
                == (.invalidOption, "fan-out of 'orders': group is 'c', it must be one of its consumers: 'a', 'b'"))
        #expect(await refusal(good, .init(group: "a", start: .now)).0 == .unsupported)
        let first = try await good.subscribe(to: "orders", .init(group: "a"))
        #expect(await refusal(good, .init(group: "a", ordered: .byKey)).0 == .invalidOption)
        await first.close()
        #expect(good.capabilities.isDisjoint(with: [.transactions, .nativeDelay, .startAtPosition]))
    }

    @Test func aBrokerThatIsAwayKeepsTheConsumersFromSubscribing() async throws {
        let bench = try await FanOutBench(.memory)
        let fanOut = FanOut(
            "orders", on: LateSubscriber(bench.broker, failures: 1), group: "shop", to: ["a", "b"], observers: Observers([]))
        func subscribe(_ consumer: String) async throws -> any Subscription {
            try await fanOut.subscribe(to: "orders", SubscriptionOptions(group: consumer))
        }
        let early = try await subscribe("a")
        for attempt in [{ _ = try await subscribe("b") }, { _ = try await early.take(1) }] {
            let error = await #expect(throws: MillraceError.self) { try await attempt() }
            #expect(error?.code == .connectionFailed)
        }
        await early.close()
        let (a, b) = (try await subscribe("a"), try await subscribe("b"))
        try await bench.publish(0..<1)
        for consumer in [a, b] { #expect(try await consumer.take(1).texts == ["0"]) }
    }

    @Test func consumersCanLeaveWhileTheBrokerIsWaitedFor() async throws {
        let silent = SilentSubscriber()
        let fanOut = FanOut("orders", on: silent, group: "shop", to: ["a", "b"], observers: Observers([]))
        let a = try await fanOut.subscribe(to: "orders", SubscriptionOptions(group: "a"))
        let waiting = Task { try await fanOut.subscribe(to: "orders", SubscriptionOptions(group: "b")) }
        try await silent.isAsked.wait()
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiting.value }
        // The last one to leave ends the wait.
        try await withTimeLimit(.seconds(60), "the end of the fan-out") { await a.close() }
    }
}

/// Waits for a broker until it is cancelled.
private final class SilentSubscriber: Subscriber {
    let isAsked = Signal()
    let capabilities: Capabilities = [.groups]

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        isAsked.fire()
        try await Signal().wait()
        throw CancellationError()
    }
}

/// Can't subscribe at first.
private final class LateSubscriber: Subscriber {
    private let base: any Subscriber
    private let failures: Lock<Int>

    init(_ base: any Subscriber, failures: Int) {
        self.base = base
        self.failures = Lock(failures)
    }

    var capabilities: Capabilities { base.capabilities }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        let fails = failures.withLock { failures in
            defer { failures -= 1 }
            return failures > 0
        }
        if fails { throw MillraceError(.connectionFailed, "the broker is away", isRetriable: true) }
        return try await base.subscribe(to: topic, options)
    }
}
