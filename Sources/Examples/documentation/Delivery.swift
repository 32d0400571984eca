import Millrace
import MillraceMemory

func publishWithTimeout(_ orders: [Message], on broker: MemoryTransport) async throws -> [Message] {
    do {
        try await broker.publish(orders, to: "orders", timeout: .seconds(2))
        return []
    } catch let error as MillraceError where error.isRetriable {
        return error.failures.map { orders[$0.index] }
    }
}

func settleByHand(_ broker: MemoryTransport) async throws {
    try await broker.withSubscription(to: "orders", group: "ledger", .init(lease: .seconds(10))) { deliveries in
        for try await delivery in deliveries {
            do {
                try await post(delivery.message)
                delivery.acknowledge()
            } catch is NotANumber {
                delivery.reject("the amount is not a number")
            } catch {
                delivery.retry(after: .seconds(5))
            }
        }
    }
}

func post(_ message: Message) async throws {}

func index(_ messages: [Message]) async throws -> [Int] { [] }

func addBatchHandler(to router: Router, on broker: MemoryTransport) throws {
    try router.consumeBatches("index", from: "pages", on: broker, upTo: 100, within: .milliseconds(50)) { batch, context in
        for position in try await index(batch.map(\.message)) {
            batch.settle(batch[position], .retry(after: .seconds(5)))
        }
    }
}

func addBatchHandlerWithout(to router: Router, on broker: MemoryTransport) throws {
    try router.consumeBatches(
        "index", from: "pages", on: broker, upTo: 100, within: .milliseconds(50), without: [Deduplicate.self]
    ) { batch, context in
        _ = try await index(batch.map(\.message))
    }
}

func addRoutingHandler(to router: Router, on broker: MemoryTransport) throws {
    try router.handle("sort", from: "orders", on: broker, to: "orders.small") { message, context in
        let order = try message.decode(Order.self)
        guard order.cents >= 100_000 else { return [message] }
        return .to("orders.large", message) + .to("audit", Message(text: "large order \(order.id)"))
    }
}

func printLag(on broker: any TopicDirectory) async throws {
    for topic in try await broker.topics() {
        for group in topic.groups ?? [] { print(topic.name, group.name, group.lag ?? -1) }
    }
}

func makeTransport() throws -> MemoryTransport {
    try MemoryTransport(.init(capacity: 10_000, overflow: .refuse, retention: .last(100), deadLetters: .drop))
}
