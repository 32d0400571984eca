internal import Millrace

extension BenchScenario {
    /// From a topic through a router to another one, end to end, with different middleware.
    static let routers = [
        router("router", "from topic to topic, through PoisonQueue, Retry and Timeout") { broker in
            Router(.quiet) {
                PoisonQueue("millrace-bench-poison", on: broker)
                Retry(attempts: 3)
                Timeout(.seconds(10))
            }
        },
        router("router-bare", "from topic to topic, through a handler alone", isDefault: false) { _ in Router(.quiet) },
        router("router-correlated", "the same through Correlation, Retry and Timeout", isDefault: false) { _ in
            Router(.quiet) {
                Correlation()
                Retry(attempts: 3)
                Timeout(.seconds(10))
            }
        },
        router(
            "router-observed", "the same through MetricsMiddleware, TracingMiddleware, PoisonQueue and Retry", isDefault: false
        ) { broker in
            Router(.quiet) {
                MetricsMiddleware(in: MetricsRegistry())
                TracingMiddleware()
                PoisonQueue("millrace-bench-poison", on: broker)
                Retry(attempts: 3)
            }
        },
        router("router-metrics", "the same through MetricsMiddleware", isDefault: false) { _ in
            Router(.quiet) { MetricsMiddleware(in: MetricsRegistry()) }
        },
        router("router-dynamic", "the same through three pieces of middleware of one's own", isDefault: false) { _ in
            Router(.quiet) {
                PassThrough()
                PassThrough()
                PassThrough()
            }
        },
    ]

    private static func router(
        _ name: String, _ summary: String, isDefault: Bool = true, _ make: @escaping @Sendable (any Transport) -> Router
    ) -> BenchScenario {
        BenchScenario(name: name, summary: summary, isDefault: isDefault) { run in
            let router = make(run.broker)
            let options = HandlerOptions(group: .named(run.group))
            try router.handle("bench", from: run.input, on: run.broker, to: run.output, options: options) { message, _ in
                [Message(payload: message.payload, key: message.key)]
            }
            return try await measure(router, run)
        }
    }

    private static func measure(_ router: Router, _ run: BenchRun) async throws -> Measurement {
        let subscription = try await run.subscribe(to: run.output)
        async let running: Void = router.run(stoppingOn: [])
        try await router.waitUntilRunning()
        try await run.probe(subscription)
        var ledger: Ledger?
        var measurement = try await run.meter.measure(run.load.count) {
            async let received = run.drain(subscription)
            try await run.publish(inCallsOf: 1)
            ledger = try await received
        }
        await subscription.close()
        router.shutdown()
        try await running
        measurement.complaint = ledger.flatMap(run.complaint)
        return measurement
    }
}

/// Middleware that does nothing, for the cost of being there.
struct PassThrough: Middleware {
    func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        try await next(message, context)
    }
}

extension RouterOptions {
    /// Nobody listens.
    static var quiet: RouterOptions { RouterOptions(observers: []) }
}

/// Where latencies are put down.
final class LatencyTimes: Sendable {
    let nanoseconds = Lock<[Int64]>([])
}
