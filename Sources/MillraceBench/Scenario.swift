import Millrace
import MillraceMemory

/// Something to measure: sends a load and returns how many messages arrived at the end.
struct Scenario: Sendable {
    let name: String
    let summary: String
    let run: @Sendable (Load) async throws -> Outcome

    /// What came of a run.
    struct Outcome {
        /// How many messages arrived, or were accepted where nobody reads.
        let delivered: Int
        /// How long that took; nil when all of the run counts.
        let elapsed: Duration?
        /// What else there is to say.
        var note: String?
    }

    /// A scenario all of whose run counts.
    init(name: String, summary: String, run: @escaping @Sendable (Load) async throws -> Int) {
        self.init(name: name, summary: summary, measuring: { Outcome(delivered: try await run($0), elapsed: nil) })
    }

    /// A scenario that says by itself how long it took.
    init(name: String, summary: String, measuring run: @escaping @Sendable (Load) async throws -> Outcome) {
        self.name = name
        self.summary = summary
        self.run = run
    }

    static let all = [
        Scenario(name: "publish", summary: "publish one by one -> one group pulls and acknowledges") { load in
            try await throughSubscription(load, publishing: 1)
        },
        Scenario(name: "publish-64", summary: "the same, 64 messages in each call") { load in
            try await throughSubscription(load, publishing: 64)
        },
        Scenario(name: "router-bare", summary: "topic -> router -> topic, no middleware") { load in
            try await throughRouter(load, Router(.quiet))
        },
        Scenario(name: "router", summary: "topic -> PoisonQueue, Retry, Timeout, handler -> topic") { load in
            let poison = MemoryTransport(observers: .none)
            return try await throughRouter(
                load,
                Router(.quiet) {
                    PoisonQueue("poison", on: poison)
                    Retry(attempts: 3)
                    Timeout(.seconds(10))
                })
        },
        Scenario(name: "router-correlated", summary: "the same with Correlation instead of PoisonQueue") { load in
            try await throughRouter(
                load,
                Router(.quiet) {
                    Correlation()
                    Retry(attempts: 3)
                    Timeout(.seconds(10))
                })
        },
        Scenario(name: "router-observed", summary: "topic -> Metrics, Tracing, PoisonQueue, Retry, handler -> topic") { load in
            let poison = MemoryTransport(observers: .none)
            let metrics = MetricsRegistry()
            return try await throughRouter(
                load,
                Router(.quiet) {
                    Metrics(in: metrics)
                    Tracing()
                    PoisonQueue("poison", on: poison)
                    Retry(attempts: 3)
                })
        },
        Scenario(name: "router-metrics", summary: "topic -> Metrics, handler -> topic") { load in
            let metrics = MetricsRegistry()
            return try await throughRouter(load, Router(.quiet) { Metrics(in: metrics) })
        },
        Scenario(name: "router-dynamic", summary: "three pieces of middleware that are not staged") { load in
            try await throughRouter(
                load,
                Router(.quiet) {
                    PassThrough()
                    PassThrough()
                    PassThrough()
                })
        },
    ]

    private static func throughSubscription(_ load: Load, publishing size: Int) async throws -> Int {
        let broker = MemoryTransport(observers: .none)
        let subscription = try await broker.subscribe(to: "orders", SubscriptionOptions(group: "bench", prefetch: 1_024))
        async let received = drain(subscription, load.count)
        try await produce(load, to: "orders", on: broker, publishing: size)
        return try await received
    }

    private static func throughRouter(_ load: Load, _ router: Router) async throws -> Int {
        let broker = MemoryTransport(observers: .none)
        try router.handle("bench", from: "in", on: broker, to: "out") { message, _ in
            [Message(payload: message.payload)]
        }
        let subscription = try await broker.subscribe(to: "out", SubscriptionOptions(group: "bench", prefetch: 1_024))
        async let running: Void = router.run(stoppingOn: [])
        try await router.waitUntilRunning()
        async let received = drain(subscription, load.count)
        try await produce(load, to: "in", on: broker, publishing: 1)
        let count = try await received
        router.shutdown()
        try await running
        return count
    }

    private static func produce(_ load: Load, to topic: String, on broker: MemoryTransport, publishing size: Int) async throws {
        let payload = [UInt8](repeating: 7, count: load.size)
        if size == 1 {
            for _ in 0..<load.count { try await broker.publish(Message(payload: payload), to: topic) }
            return
        }
        var left = load.count
        while left > 0 {
            let count = min(size, left)
            try await broker.publish((0..<count).map { _ in Message(payload: payload) }, to: topic)
            left -= count
        }
    }

    static func drain(_ subscription: any Subscription, _ count: Int) async throws -> Int {
        var batch = DeliveryBatch()
        var tokens: [DeliveryToken] = []
        var received = 0
        while received < count, try await subscription.pull(into: &batch, upTo: 128) {
            for record in batch.records { tokens.append(record.token) }
            subscription.acknowledge(tokens)
            received += batch.count
            tokens.removeAll(keepingCapacity: true)
            batch.removeAll()
        }
        await subscription.close()
        return received
    }
}

/// Middleware that does nothing, for the cost of being there.
struct PassThrough: Middleware {
    func handle(_ message: Message, _ context: HandlerContext, next: Next) async throws -> Outputs {
        try await next(message, context)
    }
}

extension RouterOptions {
    /// Nobody listens.
    static var quiet: RouterOptions { RouterOptions(observers: []) }
}

extension Observers {
    /// Nobody.
    static var none: Observers { Observers([]) }
}
