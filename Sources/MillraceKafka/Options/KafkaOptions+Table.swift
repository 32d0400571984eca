import MillraceTransportKit

extension KafkaOptions {
    private static let (day, quarterHour) = (Duration.seconds(86_400), Duration.seconds(900))

    /// The options of URLs, with their bounds, which hold in code as well.
    static let table = OptionTable(defaults: KafkaOptions()) {
        KafkaSecurity.credentials.nested(in: \.security)
        KafkaSecurity.tls.nested(in: \.security, when: { $0.security.isEncrypted })
        Option("name", \.clientID, .text, "What brokers show in their logs and quotas.")
        Option(
            "connect-timeout", \.connectTimeout, atLeast: .milliseconds(1), atMost: day,
            "How long connecting may take, and how long to wait for a topic that is being made.")
        Option(
            "delivery-timeout", \.deliveryTimeout, atLeast: .milliseconds(10), atMost: day,
            "How long a message may be on its way to the broker, with all attempts.")
        Option(
            "linger", \.linger, atLeast: .zero, atMost: quarterHour,
            "How long to wait for more messages before a batch is sent.")
        Option(
            "compression", \.compression,
            ["none": .none, "gzip": .gzip, "snappy": .snappy, "lz4": .lz4, "zstd": .zstd], "How batches are compressed.")
        Option(maximumPending: \.maximumPending, upTo: 1_000_000)
        Option(
            "maximum-message-size", \.maximumMessageSize, 1_000...1_000_000_000,
            "The largest message, with its metadata, in bytes.")
        Option(group: \.group)
        Option("member", \.member, .text, "The name of this process within its groups.")
        Option(
            "session-timeout", \.sessionTimeout, atLeast: .milliseconds(10), atMost: day,
            "After how long the group gives up a silent member.")
        Option(
            "revoke-timeout", \.revokeTimeout, atLeast: .zero, atMost: day,
            "How long handlers may go on with a partition that goes to another member; less than `session-timeout`.")
        Option("commit-interval", \.commitInterval, atLeast: .milliseconds(1), atMost: day, "How often progress is committed.")
        Option(
            "transaction-timeout", \.transactionTimeout, atLeast: .seconds(1), atMost: quarterHour,
            "How long a transaction may take.")
        KafkaNewTopics.table.nested(in: \.newTopics, orMake: KafkaNewTopics())
        Option("timestamps", \.receivesTimestamps, "Whether received messages carry the record's time.")
        Option(deadLetters: \.deadLetters, DeadLetters.topicSuffix, orDrop: .drop) {
            if case .topicSuffix(let suffix) = $0 { suffix } else { nil }
        }
        Option(
            "retry-topics", \.retryTopics,
            .durations(atLeast: .milliseconds(1), atMost: .seconds(7 * 86_400), count: 16),
            "Delays of topics for messages that are tried again: `5s,1m`. Without them the process holds such messages.")
        Option(described: "property.NAME", field: "properties", "Any property of librdkafka.", ifNone: "librdkafka's")
    }
}

extension KafkaSecurity {
    static let credentials = OptionTable(defaults: KafkaSecurity()) {
        Option(secret: "password", \.password, "the password")
        Option(
            "mechanism", \.mechanism,
            .choice(["plain": .plain, "scram-sha-256": .scramSHA256, "scram-sha-512": .scramSHA512]),
            "How to authenticate with user and password.", ifNone: "`plain` with a user")
    }

    static let tls = OptionTable(defaults: KafkaSecurity()) {
        Option.tls(
            authorities: \.caFile, certificate: \.certificateFile, key: \.keyFile, verifies: \.verifies)
        Option(secret: "key-password", \.keyPassword, "the password of the private key")
    }
}

extension KafkaNewTopics {
    static let table = OptionTable(defaults: KafkaNewTopics()) {
        Option(
            "partitions", \.partitions, 1...1_000_000, "Missing topics are made, with so many partitions.",
            ifNone: "the cluster's")
        Option("replication", \.replication, 1...32_767, "Missing topics are made, on so many brokers.", ifNone: "the cluster's")
    }
}
