import Millrace
import MillraceMemory
import MillraceTesting
import Testing

// The code of Docs/testing.md, built as a package builds it that asks for no upcoming feature of Swift, and run.

struct BankIsAway: Error {}

@Suite struct TestingPageTests {
    @Test func aChargeIsTriedAgainAfterTenSeconds() async throws {
        let clock = ManualClock()
        let broker = MemoryTransport(clock: clock)
        let router = Router(.init(clock: clock)) { Retry(attempts: 3, backoff: .constant(.seconds(10))) }
        try router.handle("charge", from: "orders", on: broker, to: "invoices") { message, context in
            guard context.attempt > 1 else { throw BankIsAway() }
            return [message]
        }
        let invoices = try await TopicProbe(of: "invoices", on: broker)

        try await withRunning(router) {
            try await broker.publish(Message(text: "order 1"), to: "orders")
            let invoice = try await clock.advancing(upTo: .seconds(60)) { try await invoices.next() }
            #expect(invoice.payload.text == "order 1" && clock.elapsed == .seconds(10))
        }
    }

    @Test func aChargeIsGivenUpAfterThreeAttempts() async throws {
        let clock = ManualClock()
        let broker = MemoryTransport(clock: clock)
        let events = RecordingObserver()
        let router = Router(.init(clock: clock, observers: [events])) {
            PoisonQueue("orders.poison", on: broker)
            Retry(attempts: 3, backoff: .constant(.seconds(10)))
        }
        try router.consume("charge", from: "orders", on: broker) { _, _ in throw BankIsAway() }

        try await withRunning(router) {
            try await broker.publish(Message(text: "order 1"), to: "orders")
            let waited = try await clock.advance(upTo: .seconds(60)) {
                events.count { if case .messagePoisoned = $0.kind { true } else { false } } == 1
            }
            #expect(waited == .seconds(20))
        }
    }

    @Test func eachRetryIsSeen() async throws {
        let clock = ManualClock()
        let broker = MemoryTransport(clock: clock)
        let events = RecordingObserver()
        let router = Router(.init(clock: clock, observers: [events])) { Retry(attempts: 3, backoff: .constant(.seconds(10))) }
        try router.consume("charge", from: "orders", on: broker) { _, context in
            guard context.attempt > 2 else { throw BankIsAway() }
        }

        try await withRunning(router) {
            try await broker.publish(Message(text: "order 1"), to: "orders")
            for attempt in 1...2 {
                let event = try await clock.advancing(upTo: .seconds(60)) {
                    try await events.next { if case .messageFailed = $0.kind { true } else { false } }
                }
                guard case .messageFailed(_, _, _, _, let failed, let delay, _) = event.kind else { continue }
                #expect(failed == attempt && delay == .seconds(10))
            }
        }
    }

    @Test func withoutARouter() async throws {
        let clock = ManualClock()
        let broker = MemoryTransport(clock: clock)
        try await broker.prepare(topic: "orders", group: "ledger")
        try await broker.publish(Message(text: "1"), to: "orders")

        try await broker.withSubscription(to: "orders", group: "ledger", .init(lease: .seconds(60))) { deliveries in
            var iterator = deliveries.makeAsyncIterator()
            try await iterator.next()?.retry(after: .seconds(10))
            clock.advance(by: .seconds(10))
            let second = try await iterator.next()
            #expect(second?.attempt == 2)
            second?.acknowledge()
        }
    }

    @Test func identifiersRepeat() {
        func ids() -> [MessageID] {
            let generator = MessageIDGenerator(clock: ManualClock(), seed: 1)
            return (1...3).map { _ in generator.next() }
        }
        #expect(ids() == ids())
        #expect(Set(ids()).count == 3)
    }

    @Test func ordersAreSorted() async throws {
        let broker = MemoryTransport()
        let events = RecordingObserver()
        let router = Router(.init(observers: [events]))
        try router.handle("sort", from: "orders", on: broker, to: "orders.small") { message, context in
            let order = try message.decode(Order.self)
            return order.cents < 100_000 ? [message] : .to("orders.large", message)
        }
        let small = try await TopicProbe(of: "orders.small", on: broker)
        let large = try await TopicProbe(of: "orders.large", on: broker)

        try await withRunning(router) {
            for cents in [500, 200_000, 700] {
                try await broker.publish(Message(encoding: Order(id: cents, cents: cents)), to: "orders")
            }
            let largeOrder = try await large.next().decode(Order.self)
            let smallOrders = try await small.collect(2).map { try $0.decode(Order.self) }
            #expect(largeOrder.id == 200_000)
            #expect(smallOrders.map(\.id) == [500, 700])
        }
        #expect(events.count { if case .messageFailed = $0.kind { true } else { false } } == 0)
    }

    @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
        let broker = MemoryTransport()
        var subject = ConformanceSubject("memory", capabilities: broker.capabilities) { MemoryTransport() }
        subject.sharesBroker = false
        subject.capacity = 1_024
        subject.lease = .seconds(5)
        try await test.run(on: subject)
    }
}

struct Order: Codable {
    var id: Int
    var cents: Int
}
