import Millrace

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
        try check("connectTimeout", connectTimeout, atLeast: .milliseconds(1))
        try check("deliveryTimeout", deliveryTimeout, atLeast: .milliseconds(10))
        try check("commitInterval", commitInterval, atLeast: .milliseconds(1))
        try check("sessionTimeout", sessionTimeout, atLeast: .milliseconds(10))
        guard transactionTimeout >= .seconds(1), transactionTimeout <= .seconds(900) else {
            throw Self.invalid("transactionTimeout", transactionTimeout, "1 second to 15 minutes")
        }
        guard revokeTimeout >= .zero, revokeTimeout < sessionTimeout else {
            throw Self.invalid("revokeTimeout", revokeTimeout, "at least zero and less than sessionTimeout, \(sessionTimeout)")
        }
        guard (1...1_000_000).contains(maximumPending) else {
            throw Self.invalid("maximumPending", maximumPending, "1 to 1,000,000")
        }
        guard linger >= .zero, linger <= .seconds(900) else { throw Self.invalid("linger", linger, "zero to 15 minutes") }
        guard (1_000...1_000_000_000).contains(maximumMessageSize) else {
            throw Self.invalid("maximumMessageSize", maximumMessageSize, "1,000 to 1,000,000,000")
        }
        if let group { try SubscriptionOptions(group: group).validate() }
        if let own = properties.keys.sorted().first(where: { Self.ownProperties.contains($0) }) {
            throw Self.invalid("properties[\"\(own)\"]", "given", "left out: the transport sets it itself")
        }
        guard retryTopics.count <= 16, Set(retryTopics).count == retryTopics.count,
            retryTopics.allSatisfy({ $0 >= .milliseconds(1) && $0 <= .seconds(7 * 86_400) })
        else {
            let delays = retryTopics.map { "\($0)" }.joined(separator: ", ")
            throw Self.invalid("retryTopics", delays, "at most 16, each once, 1 millisecond to 7 days")
        }
        try security.validate()
        try newTopics?.validate()
    }

    private func check(_ name: String, _ value: Duration, atLeast least: Duration) throws {
        guard value >= least, value <= .seconds(86_400) else {
            throw Self.invalid(name, value, "\(least) to 86,400 seconds")
        }
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
