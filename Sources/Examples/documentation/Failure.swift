import Millrace
import MillraceMemory

struct Unavailable: Error {
    let seconds: Int
}

func failingRouter(on broker: MemoryTransport) throws -> Router {
    let router = Router {
        Tracing()
        PoisonQueue("orders.poison", on: broker)
        Retry(attempts: 5, backoff: .exponential(from: .milliseconds(100), upTo: .seconds(10)))
        Timeout(.seconds(5))
    }

    try router.consume("charge", from: "orders", on: broker, .init(maximumAttempts: 20)) { message, context in
        let order = try message.decode(Order.self)
        guard order.cents > 0 else { throw Reject("order \(order.id) has nothing to pay") }
        do {
            try await charge(order)
        } catch let error as Unavailable {
            throw RetryLater(after: .seconds(error.seconds), because: error)
        }
    }
    return router
}

func charge(_ order: Order) async throws {}

func replayPoisoned(on broker: MemoryTransport) async throws {
    try await broker.withSubscription(to: "orders.poison", group: "replay") { deliveries in
        for try await delivery in deliveries {
            var message = delivery.message
            print(message.id, message.metadata[MetadataKey.poisonReason] ?? "unknown reason")
            guard let topic = message.metadata[MetadataKey.poisonTopic] else {
                delivery.reject("not from a poison queue")
                continue
            }
            message.metadata[MetadataKey.poisonReason] = nil
            try await broker.publish(message, to: topic)
            delivery.acknowledge()
        }
    }
}

struct Stopwatch: Middleware {
    func handle(_ message: Message, _ context: HandlerContext, next: Next) async throws -> Outputs {
        let start = context.clock.now
        defer { context.logger.debug("handled", ["took": start.duration(to: context.clock.now)]) }
        return try await next(message, context)
    }
}

func selectiveRetry() -> Retry {
    Retry(
        attempts: 10,
        backoff: .exponential(from: .milliseconds(50), upTo: .seconds(60)),
        shouldRetry: { failure in failure.error is Unavailable },
        onRetry: { failure in print("attempt \(failure.attempt) of \(failure.message.id) failed") })
}

nonisolated(nonsending) func handleOrder(_ message: Message, _ context: HandlerContext) async throws {
    context.logger.info("order", ["id": message.id])
}

func addFunction(to router: Router, on broker: MemoryTransport) throws {
    try router.consume("log", from: "orders", on: broker) { message, context in
        try await handleOrder(message, context)
    }
}
