import Millrace
import MillraceTransportKit

extension KafkaOptions {
    /// Properties that the transport sets as it needs them.
    static let ownProperties: Set<String> = [
        "enable.auto.commit", "enable.auto.offset.store", "enable.partition.eof", "group.id", "partition.assignment.strategy",
        "enable.idempotence", "group.instance.id", "enabled_events", "transactional.id",
        "log.queue",
    ]

    static func invalid(_ name: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(name, value, bound: bound, of: "Kafka options")
    }

    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    func validate() throws {
        guard !servers.isEmpty, servers.allSatisfy({ !$0.isEmpty && !$0.contains(",") }) else {
            throw Self.invalid("servers", servers, "at least one host:port, without commas")
        }
        try Self.table.validate(self, of: "Kafka options")
        guard revokeTimeout < sessionTimeout else {
            throw Self.invalid("revokeTimeout", revokeTimeout, "less than sessionTimeout, \(sessionTimeout)")
        }
        if let own = properties.keys.sorted().first(where: { Self.ownProperties.contains($0) }) {
            throw Self.invalid("properties[\"\(own)\"]", "given", "left out: the transport sets it itself")
        }
        try security.validate()
    }

    /// What librdkafka is told, for producers and consumers alike.
    var commonProperties: [(String, String)] {
        [
            ("bootstrap.servers", servers.joined(separator: ",")), ("client.id", clientID), ("log_level", "0"),
            ("socket.keepalive.enable", "true"), ("socket.nagle.disable", "true"), ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "5000"),
            ("message.max.bytes", "\(maximumMessageSize)"),
        ] + security.properties
    }

    var producerProperties: [(String, String)] {
        commonProperties + [
            ("enable.idempotence", "true"), ("linger.ms", "\(linger / .milliseconds(1))"),
            ("compression.type", compression.rawValue), ("delivery.timeout.ms", Self.milliseconds(deliveryTimeout)),
            ("queue.buffering.max.messages", "\(maximumPending + 1)"), ("partitioner", "murmur2_random"),
            ("sticky.partitioning.linger.ms", "0"),
        ] + overrides
    }

    func consumerProperties(group: String, isMember: Bool) -> [(String, String)] {
        let interval = max(1, Int(sessionTimeout / .milliseconds(1)) / 10)
        var properties =
            commonProperties + [
                ("group.id", group), ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "earliest"), ("partition.assignment.strategy", "cooperative-sticky"),
                ("session.timeout.ms", Self.milliseconds(sessionTimeout)), ("heartbeat.interval.ms", "\(min(interval, 3_000))"),
                ("isolation.level", "read_committed"), ("allow.auto.create.topics", "true"),
                ("topic.metadata.refresh.interval.ms", "10000"),
            ]
        if isMember { properties += KafkaJoinWatch.properties(self) }
        if isMember, let member { properties.append(("group.instance.id", member)) }
        return properties + overrides
    }

    private var overrides: [(String, String)] { properties.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

    private static func milliseconds(_ duration: Duration) -> String { "\(Int(duration / .milliseconds(1)))" }
}
