/// The instruments of one handler, made when it is registered.
final class HandlerMeter: Sendable {
    let handler: String
    /// What all metrics of the handler are labelled with.
    let labels: MetricLabels
    private let publishing: PublishMeter?
    private let acknowledgements: MetricHistogram
    private let retries: MetricCounter
    private let redeliveries: MetricCounter
    private let poisoned: MetricCounter
    private let rejected: MetricCounter
    private let dropped: MetricCounter
    private let reconnects: MetricCounter
    private let watermill: (acked: MetricCounter, nacked: MetricCounter)?

    init(_ registry: MetricsRegistry, for definition: HandlerDefinition, watermillNames: Bool) throws {
        handler = definition.name
        let labels: MetricLabels = [
            "messaging_system": definition.system, "messaging_destination_name": definition.topic,
            "messaging_consumer_group_name": definition.group ?? "", "millrace_handler": definition.name,
        ]
        self.labels = labels
        publishing = try definition.publisher.map { publisher in
            try PublishMeter(
                registry, handler: definition.name, publisher: publisher, topic: definition.output?.topic,
                watermillNames: watermillNames)
        }
        func counter(_ name: String, _ help: String) throws -> MetricCounter {
            try registry.counter(name, help: help, labels: labels)
        }
        acknowledgements = try registry.histogram(
            "millrace_acknowledgement_duration_seconds",
            help: "Time from the receipt of messages to their acknowledgement.", labels: labels)
        retries = try counter("millrace_retries_total", "Attempts that failed and were repeated in place.")
        redeliveries = try counter(
            "millrace_redeliveries_total", "Attempts that failed and went back to the transport for another one.")
        poisoned = try counter("millrace_poisoned_messages_total", "Messages that were sent to a poison topic.")
        rejected = try counter("millrace_rejected_messages_total", "Messages that were given up and rejected.")
        dropped = try counter(
            "millrace_dropped_messages_total", "Messages that failed and were acknowledged, as a policy says.")
        reconnects = try counter("millrace_reconnects_total", "Times that a handler had to subscribe again.")
        guard watermillNames else {
            watermill = nil
            return
        }
        let subscriber = "\(type(of: definition.subscriber))"
        watermill = (
            try WatermillNames.received(registry, handler: handler, subscriber: subscriber, acked: true),
            try WatermillNames.received(registry, handler: handler, subscriber: subscriber, acked: false)
        )
    }

    /// Deliveries that were received together are acknowledged.
    func acknowledged(_ count: Int, after time: Duration) {
        acknowledgements.record(time, count: count)
        watermill?.acked.increment(by: count)
    }

    /// A call to the publisher has ended. `error` is nil when all messages were accepted.
    func published(_ count: Int, to topic: String, in time: Duration, error: (any Error)? = nil) {
        publishing?.published(count, to: topic, time.nanosecondsClamped, error: error)
    }

    /// Counts what an event of this handler says.
    func count(_ event: MillraceEvent.Kind) {
        switch event {
        case .messageRetried: retries.increment()
        case .messageFailed:
            redeliveries.increment()
            watermill?.nacked.increment()
        case .messagePoisoned: poisoned.increment()
        case .messageRejected:
            rejected.increment()
            watermill?.nacked.increment()
        case .messageDropped: dropped.increment()
        case .handlerRestarting: reconnects.increment()
        default: break
        }
    }
}
