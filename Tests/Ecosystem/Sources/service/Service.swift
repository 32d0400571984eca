import InMemoryLogging
import InMemoryTracing
import Logging
import Metrics
import MetricsTestKit
import Millrace
import MillraceMemory
import MillraceServiceLifecycle
import MillraceSwiftLog
import MillraceSwiftMetrics
import MillraceSwiftTracing
import ServiceLifecycle
import Synchronization
import Tracing

/// A service that uses what services use, by the names that they use. It charges two orders, the second one while it drains because
/// of a SIGTERM, and then says what logger, metrics and tracer have seen of that.
@main enum Shop {
    static func main() async throws {
        let (log, metrics, tracer) = (InMemoryLogHandler(), TestMetrics(), InMemoryTracer())
        LoggingSystem.bootstrap { _ in log }
        MetricsSystem.bootstrap(metrics)
        InstrumentationSystem.bootstrap(tracer)

        let logger = Logger(label: "shop")
        let observer = SwiftLogObserver(logger)
        let broker = MemoryTransport(observers: Observers([observer]))
        let reporter = SwiftMetricsReporter()
        let drain = Drain()
        let router = Router(.init(observers: [observer, drain], plugins: [reporter])) {
            MetricsMiddleware(in: reporter.registry)
            SwiftTracingMiddleware()
            LoggingMiddleware(level: .info)
            Retry(attempts: 3)
        }
        let charges = Counter(label: "shop_charges")
        let bankTime = Timer(label: "shop_bank_time")
        try router.handle("charge", from: "orders", on: broker, to: "receipts") { order, context in
            let logger: Logger = context.swiftLogger
            if order.payload.text == "second" { await drain.begun() }
            withSpan("bank", ofKind: .client) { (span: any Span) in
                bankTime.recordNanoseconds(7_000_000)
                span.addEvent("charged")
            }
            charges.increment()
            logger.info("charged", metadata: ["order": "\(order.payload.text ?? "")"])
            return [Message(text: "receipt")]
        }
        try router.consume("file", from: "receipts", on: broker) { receipt, context in
            context.logger.info("filed", ["bytes": receipt.payload.count])
            ConsoleLog.writeToStandardError("filed")
        }

        let counter = OrderCounter(router: router, broker: broker)
        let group = ServiceGroup(
            services: [router.service(), counter], gracefulShutdownSignals: [.sigterm], logger: logger)
        try await group.run()
        await broker.close()
        try report(log, metrics, tracer)
    }

    /// What the backends of a service have seen.
    static func report(_ log: InMemoryLogHandler, _ metrics: TestMetrics, _ tracer: InMemoryTracer) throws {
        let charged = log.entries.filter { $0.message == "charged" }
        try check("2 lines of handlers", charged.count == 2)
        for entry in charged {
            let known = ["handler", "topic", "id", "attempt", "order"].allSatisfy { entry.metadata[$0] != nil }
            try check("a line with \(entry.metadata.keys.sorted())", known)
        }
        let events = log.entries.map { "\($0.message)" }
        let order = ["router started", "handling", "no more orders", "router draining", "router stopped"]
        let places = order.map { events.firstIndex(of: $0) ?? -1 }
        try check("the log in order: \(order)", places == places.sorted() && !places.contains(-1))

        func total(_ name: String) -> Int64 { metrics.counters.filter { $0.label == name }.map(\.totalValue).reduce(0, +) }
        try check("3 messages consumed", total("messaging_client_consumed_messages_total") == 3)
        try check("2 messages sent", total("messaging_client_sent_messages_total") == 2)
        try check("2 charges", total("shop_charges") == 2)
        let durations = metrics.timers.filter { $0.label == "messaging_process_duration_seconds" }.flatMap(\.values)
        try check("3 durations", durations.count == 3)

        let spans = tracer.finishedSpans
        let requests = spans.filter { $0.operationName == "POST /orders" }
        let processes = spans.filter { $0.operationName == "process orders" }
        let banks = spans.filter { $0.operationName == "bank" }
        try check("2 spans of a handler, children of requests", Set(processes.map(\.parentSpanID)) == Set(requests.map(\.spanID)))
        try check("2 spans inside of a handler, its children", Set(banks.map(\.parentSpanID)) == Set(processes.map(\.spanID)))
        try check("2 spans of outputs", spans.count { $0.operationName == "create receipts" } == 2)
    }

    static func check(_ what: String, _ isTrue: Bool) throws {
        ConsoleLog.writeToStandardError("\(isTrue ? "seen" : "NOT SEEN"): \(what)")
        if !isTrue { throw CancellationError() }
    }
}

/// Takes orders over the counter, as an HTTP server would. It is the last of the services, and so the first to end.
struct OrderCounter: Service {
    let router: Router
    let broker: MemoryTransport

    func run() async throws {
        try await router.waitUntilRunning()
        for order in ["first", "second"] {
            try await withSpan("POST /orders", ofKind: .server) { span in
                try await broker.publish(Message(text: order).carrying(span.context), to: "orders")
            }
        }
        try await gracefulShutdown()
        Logger(label: "counter").info("no more orders")
    }
}

/// Lets a handler wait until its router drains.
final class Drain: Observer {
    let level = EventLevel.info
    private let waiting = Mutex<CheckedContinuation<Void, Never>?>(nil)

    func begun() async {
        await withCheckedContinuation { continuation in
            waiting.withLock { $0 = continuation }
            ConsoleLog.writeToStandardError("ready")
        }
    }

    func observe(_ event: MillraceEvent) {
        if case .routerDraining = event.kind { waiting.withLock { $0.take() }?.resume() }
    }
}
