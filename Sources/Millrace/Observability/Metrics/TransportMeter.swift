/// Counts the events of transports. There is one for a registry, so that a transport that several routers use is counted once.
final class TransportMeter: Observer {
    let level = EventLevel.warning
    let takesLogs = false
    private let registry: MetricsRegistry

    init(_ registry: MetricsRegistry) { self.registry = registry }

    /// Counts an event. These are rare, so that their counters are looked up each time.
    func observe(_ event: MillraceEvent) {
        switch event.kind {
        case .leaseExpired(let topic, let group, _, _):
            add(
                1, "millrace_leases_expired_total", "Deliveries that were not settled within their lease.",
                ["messaging_destination_name": topic, "messaging_consumer_group_name": group ?? ""])
        case .messagesDropped(let topic, let count, _):
            add(
                count, "millrace_transport_dropped_messages_total",
                "Messages that a transport dropped, as its configuration says.", ["messaging_destination_name": topic])
        case .disconnected(let transport, _):
            add(
                1, "millrace_disconnects_total", "Connections to brokers that were lost.",
                ["messaging_system": transport])
        default: break
        }
    }

    private func add(_ count: Int, _ name: String, _ help: String, _ labels: MetricLabels) {
        try? registry.counter(name, help: help, labels: labels).increment(by: count)
    }
}
