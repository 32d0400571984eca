import Millrace
import MillraceMemory
import MillraceTesting

func retriesAfterTenSeconds() async throws {
    let clock = ManualClock()
    let broker = MemoryTransport(clock: clock)
    try await broker.prepare(topic: "orders", group: "ledger")
    try await broker.publish(Message(text: "1"), to: "orders")

    try await broker.withSubscription(to: "orders", group: "ledger", .init(lease: .seconds(60))) { deliveries in
        var iterator = deliveries.makeAsyncIterator()
        try await iterator.next()?.retry(after: .seconds(10))
        clock.advance(by: .seconds(10))
        let second = try await iterator.next()
        precondition(second?.attempt == 2)
        second?.acknowledge()
    }
}

func repeatableIDs() -> MessageID {
    let generator = MessageIDGenerator(clock: ManualClock(), seed: 1)
    return generator.next()
}

func invoicesAreWritten() async throws {
    let broker = MemoryTransport()
    let events = RecordingObserver()
    let router = Router(.init(observers: [events]))
    try addRoutingHandler(to: router, on: broker)
    let small = try await TopicProbe(of: "orders.small", on: broker)
    let large = try await TopicProbe(of: "orders.large", on: broker)

    try await withRunning(router) {
        for cents in [500, 200_000, 700] {
            try await broker.publish(Message(encoding: Order(id: cents, customer: "ada", cents: cents)), to: "orders")
        }
        let largeOrder = try await large.next().decode(Order.self)
        let smallOrders = try await small.collect(2).map { try $0.decode(Order.self) }
        precondition(largeOrder.id == 200_000)
        precondition(smallOrders.map(\.id) == [500, 700])
    }
    precondition(events.count { if case .messageFailed = $0.kind { true } else { false } } == 0)
}

func conform() async throws {
    let broker = MemoryTransport()
    var subject = ConformanceSubject("memory", capabilities: broker.capabilities) { MemoryTransport() }
    subject.sharesBroker = false
    subject.capacity = 1_024
    for test in ConformanceTest.all { try await test.run(on: subject) }
}
