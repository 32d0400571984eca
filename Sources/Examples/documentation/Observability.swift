import Foundation
import Millrace
import MillraceHTTP
import MillraceMemory
import MillraceOTLP
import Synchronization

final class FailureCounter: Observer {
    let level = EventLevel.warning
    private let count = Atomic<Int>(0)

    func observe(_ event: MillraceEvent) {
        switch event.kind {
        case .messageFailed, .messagePoisoned, .messageRejected: count.add(1, ordering: .relaxed)
        default: break
        }
    }

    var failures: Int { count.load(ordering: .relaxed) }
}

func observedRouter(_ failures: FailureCounter) -> Router {
    Router(.init(observers: [ConsoleLog(level: .info, format: .json), failures])) {
        TracingMiddleware(exportingTo: JSONLinesSpanExporter())
        Correlation()
    }
}

func pack(_ message: Message, _ context: HandlerContext) async throws {
    let order = try message.decode(Order.self)
    let log = context.logger.with(["order": order.id])
    log.info("packed")
    log.info("sent", ["cents": order.cents, "took": Duration.milliseconds(97)])
}

func report(on router: Router) throws {
    let health = router.health
    print(health.isLive, health.isReady)
    for handler in health.handlers where handler.state == .restarting {
        print(handler.name, handler.restarts, handler.lastError ?? "")
    }
    print(try router.describe().json())
    print(router.describe().mermaid)
}

func measuredRouter(on broker: MemoryTransport) throws -> Router {
    let metrics = MetricsRegistry()
    let endpoint = HTTPEndpoint(port: 9464, metrics: metrics)
    return Router(.init(plugins: [endpoint])) {
        MetricsMiddleware(in: metrics)
        TracingMiddleware()
        PoisonQueue("orders.poison", on: broker)
        Retry()
    }
}

func ownMetrics(_ metrics: MetricsRegistry, queue: Lines) throws {
    let charges = try metrics.counter("shop_charges_total", help: "Charges made.", labels: ["bank": "north"])
    let bankTime = try metrics.histogram("shop_bank_duration_seconds", help: "Time that the bank took.")
    metrics.onCollect { samples in
        samples.gauge("shop_waiting_lines", help: "Lines that wait.", Double(queue.count))
    }

    charges.increment()
    bankTime.record(.milliseconds(12))
    print(PrometheusText.text(of: metrics))
}

func exportingRouter() throws -> Router {
    let exporter = try OTLPExporter(.init(resource: ["service.name": "invoicing"]))
    return Router(.init(plugins: [exporter])) {
        TracingMiddleware(exportingTo: exporter)
    }
}

func exporterOfEnvironment() throws -> OTLPExporter {
    try OTLPExporter(.init(environment: ProcessInfo.processInfo.environment))
}

/// Lines that wait for something.
final class Lines: Sendable {
    private let waiting = Atomic<Int>(0)

    var count: Int { waiting.load(ordering: .relaxed) }
}
