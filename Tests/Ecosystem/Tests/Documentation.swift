import Logging
import Metrics
import Millrace
import MillraceMemory
import MillraceServiceLifecycle
import MillraceSwiftLog
import MillraceSwiftMetrics
import MillraceSwiftTracing
import ServiceLifecycle
import Tracing

// The code that Docs/integrations.md shows.

func observed() -> Router {
    let logger = Logger(label: "shop")
    let log = SwiftLogObserver(logger)
    let broker = MemoryTransport(observers: Observers([log]))
    let router = Router(.init(observers: [log])) { Retry() }
    _ = broker
    return router
}

func logged(by router: Router, on broker: MemoryTransport) throws {
    try router.consume("audit", from: "invoices", on: broker) { message, context in
        let logger = context.swiftLogger
        logger.notice("invoice filed", metadata: ["bytes": "\(message.payload.count)"])
    }
}

func measured(by factory: any MetricsFactory) -> Router {
    MetricsSystem.bootstrap(factory)
    let metrics = SwiftMetricsReporter()
    let router = Router(.init(plugins: [metrics])) {
        MetricsMiddleware(in: metrics.registry)
        Retry()
    }
    return router
}

func traced(by tracer: any Tracer) -> Router {
    InstrumentationSystem.bootstrap(tracer)
    let router = Router {
        SwiftTracingMiddleware()
        Retry()
    }
    return router
}

func published(_ order: [String], on broker: MemoryTransport) async throws {
    try await broker.publish(Message(encoding: order).carrying(.current), to: "orders")
}

func served(
    _ router: Router, on broker: MemoryTransport, beside database: any Service, _ server: any Service, _ logger: Logger
) async throws {
    let group = ServiceGroup(
        services: [database, router.service(), server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    try await group.run()
    await broker.close()
}
