/// Counts and times what a handler does, with instruments that are bound once.
final class ProcessMeter: Sendable {
    private static let consumedName = "messaging_client_consumed_messages_total"
    private static let durationName = "messaging_process_duration_seconds"

    private let registry: MetricsRegistry
    private let labels: MetricLabels
    private let consumed: MetricCounter
    private let succeeded: MetricHistogram
    /// By the type of the error.
    private let failed = Lock<[String: MetricHistogram]>([:])
    private let watermill: (succeeded: MetricHistogram, failed: MetricHistogram)?

    init(
        _ registry: MetricsRegistry, handler: String, topic: String, group: String?, system: String, watermillNames: Bool
    ) throws {
        self.registry = registry
        labels = [
            "messaging_system": system, "messaging_destination_name": topic, "messaging_consumer_group_name": group ?? "",
            "messaging_operation_name": "process", "millrace_handler": handler,
        ]
        consumed = try registry.counter(
            Self.consumedName, help: "Messages that were handed to a handler.", labels: labels)
        succeeded = try Self.duration(registry, labels, errorType: "")
        guard watermillNames else {
            watermill = nil
            return
        }
        watermill = (
            try WatermillNames.execution(registry, handler: handler, success: true),
            try WatermillNames.execution(registry, handler: handler, success: false)
        )
    }

    private static func duration(
        _ registry: MetricsRegistry, _ labels: MetricLabels, errorType: String
    ) throws -> MetricHistogram {
        try registry.histogram(
            durationName, help: "Time that handlers took, with the middleware inside of MetricsMiddleware.",
            labels: labels.adding(["error_type": errorType]))
    }

    /// Messages are handed to the handler.
    @inline(__always)
    func begin(_ count: Int = 1) { consumed.increment(by: count) }

    /// The handler has returned.
    @inline(__always)
    func succeed(_ nanoseconds: Int64) {
        succeeded.record(nanoseconds: nanoseconds)
        watermill?.succeeded.record(nanoseconds: nanoseconds)
    }

    /// The handler has thrown. One that was never asked is not counted.
    func fail(_ error: any Error, _ nanoseconds: Int64) {
        guard !(error is HandedBack) else { return }
        let type = ErrorName.of(error)
        let histogram = failed.withLock { failed -> MetricHistogram? in
            if let known = failed[type] { return known }
            guard let made = try? Self.duration(registry, labels, errorType: type) else { return nil }
            // What is beyond the registry's limit shares a series and need not be remembered.
            if failed.count < registry.maximumSeries { failed[type] = made }
            return made
        }
        histogram?.record(nanoseconds: nanoseconds)
        watermill?.failed.record(nanoseconds: nanoseconds)
    }
}
