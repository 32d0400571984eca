import Millrace
import MillraceMemory

struct Unavailable: Error {
    let seconds: Int
}

func failingRouter(on broker: MemoryTransport) throws -> Router {
    let router = Router {
        TracingMiddleware()
        PoisonQueue("orders.poison", on: broker)
        Retry(attempts: 5, backoff: .exponential(from: .milliseconds(100), upTo: .seconds(10)))
        Timeout(.seconds(5))
    }

    try router.consume("charge", from: "orders", on: broker, options: .init(maximumAttempts: 20)) { message, context in
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

func routerWithPolicy(on broker: MemoryTransport) -> Router {
    let policy = FailurePolicy(
        .on(Declined.self, .deadLetter("orders.declined", on: broker)),
        .on(Unavailable.self, .retryLater(attempts: 20), .pauseHandler),
        .when({ ($0 as? MillraceError)?.code == .timedOut }, .retryLater(attempts: 5), .reject),
        .notRetriable(.deadLetter("orders.poison", on: broker)),
        .otherwise(.retry(attempts: 3), .retryLater(attempts: 10), .deadLetter("orders.poison", on: broker)))
    return Router { policy }
}

struct Declined: Error {}

func replayPoisoned(on broker: MemoryTransport) async throws {
    let replay = Replay(from: "orders.poison", on: broker, .init(rate: (50, .seconds(1)), maximumReplays: 3))
    let report = try await replay.run { letter in letter.errorType == "Unavailable" }
    print("\(report.replayed) brought back, \(report.left) left")
}

func listPoisoned(on broker: MemoryTransport) async throws {
    try await broker.withSubscription(to: "orders.poison", group: "complaints") { deliveries in
        for try await delivery in deliveries {
            if let letter = DeadLetter(delivery.message) {
                print(letter.message.id, letter.handler, letter.attempts ?? 0, letter.reason)
            }
            delivery.acknowledge()
        }
    }
}

extension Stopwatch: PlacedMiddleware {
    static var places: [MiddlewarePlace] {
        [.inside(of: Retry.self, otherwise: "it would time the pauses between attempts")]
    }
}

struct Stopwatch: Middleware {
    func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        let start = context.clock.now
        defer { context.logger.debug("handled", ["took": start.duration(to: context.clock.now)]) }
        return try await next(message, context)
    }
}

struct BatchStopwatch: BatchMiddleware {
    func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        try await next(message, context)
    }

    func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        let start = context.clock.now
        defer { context.logger.debug("handled", ["batch": batch.count, "took": start.duration(to: context.clock.now)]) }
        try await next(batch, context)
    }
}

func selectiveRetry() -> Retry {
    Retry(
        attempts: 10,
        backoff: .exponential(from: .milliseconds(50), upTo: .seconds(60)),
        shouldRetry: { failure in failure.error is Unavailable },
        onRetry: { failure in print("attempt \(failure.attempt) of \(failure.message.id) failed") })
}
