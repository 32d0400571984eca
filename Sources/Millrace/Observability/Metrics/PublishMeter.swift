/// Counts and times what a handler publishes, with instruments that are bound once for each topic.
final class PublishMeter: Sendable {
    private struct Key: Hashable {
        let topic: String
        let errorType: String
    }

    private struct Instruments: Sendable {
        let duration: MetricHistogram
        let sent: MetricCounter
    }

    private let registry: MetricsRegistry
    private let handler: String
    private let system: String
    private let known = Lock<[Key: Instruments]>([:])
    private let watermill: (succeeded: MetricHistogram, failed: MetricHistogram)?

    init(_ registry: MetricsRegistry, handler: String, publisher: any Publisher, topic: String?, watermillNames: Bool) throws {
        self.registry = registry
        self.handler = handler
        system = (publisher as? any Transport)?.system ?? "\(type(of: publisher))"
        if watermillNames {
            let name = "\(type(of: publisher))"
            watermill = (
                try WatermillNames.publish(registry, handler: handler, publisher: name, success: true),
                try WatermillNames.publish(registry, handler: handler, publisher: name, success: false)
            )
        } else {
            watermill = nil
        }
        guard let topic else { return }
        let key = Key(topic: topic, errorType: "")
        let instruments = try make(key)
        known.withLock { $0[key] = instruments }
    }

    private func make(_ key: Key) throws -> Instruments {
        let labels: MetricLabels = [
            "messaging_system": system, "messaging_destination_name": key.topic, "messaging_operation_name": "send",
            "millrace_handler": handler, "error_type": key.errorType,
        ]
        return Instruments(
            duration: try registry.histogram(
                "messaging_client_operation_duration_seconds", help: "Time that calls to transports took.",
                labels: labels.adding(["messaging_operation_type": "send"])),
            sent: try registry.counter(
                "messaging_client_sent_messages_total", help: "Messages that handlers tried to publish.", labels: labels))
    }

    private func instruments(_ topic: String, _ errorType: String) -> Instruments? {
        known.withLock { known in
            let key = Key(topic: topic, errorType: errorType)
            if let instruments = known[key] { return instruments }
            guard let made = try? make(key) else { return nil }
            if known.count < registry.maximumSeries { known[key] = made }
            return made
        }
    }

    /// A call to the publisher has ended. `error` is nil when all messages were accepted.
    func published(_ count: Int, to topic: String, _ nanoseconds: Int64, error: (any Error)?) {
        guard let error else {
            guard let instruments = instruments(topic, "") else { return }
            instruments.duration.record(nanoseconds: nanoseconds)
            instruments.sent.increment(by: count)
            watermill?.succeeded.record(nanoseconds: nanoseconds)
            return
        }
        // The error behind it says more than that publishing failed.
        let failures = (error as? MillraceError)?.failures ?? []
        let refused = failures.isEmpty ? count : min(count, failures.count)
        if refused < count { instruments(topic, "")?.sent.increment(by: count - refused) }
        watermill?.failed.record(nanoseconds: nanoseconds)
        guard let instruments = instruments(topic, ErrorName.of(failures.first?.error ?? error)) else { return }
        instruments.duration.record(nanoseconds: nanoseconds)
        instruments.sent.increment(by: refused)
    }
}
