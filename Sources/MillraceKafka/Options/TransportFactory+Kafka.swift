public import Millrace

extension TransportFactory {
    /// Apache Kafka: `kafka://`, `kafkas://` (TLS), with the options of `KafkaOptions`.
    public static var kafka: TransportFactory {
        TransportFactory(
            "kafka", schemes: KafkaOptions.schemes, example: "kafka://127.0.0.1:9092", options: clusterOptions + workOptions
        ) { url, context in
            try await KafkaTransport(KafkaOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }

    private static let clusterOptions = [
        Option("password-file", "A file with the password."),
        Option("password-env", "A variable of the environment with the password."),
        Option("mechanism", "How to authenticate: plain, scram-sha-256, scram-sha-512.", default: "plain"),
        Option("ca", "With TLS: a PEM file of certificates whose issuers are trusted; the system's otherwise."),
        Option("cert", "With TLS: a PEM file with the client's certificate."),
        Option("key", "With TLS: a PEM file with the certificate's private key."),
        Option("key-password-file", "With TLS: a file with the private key's password."),
        Option("key-password-env", "With TLS: a variable of the environment with the private key's password."),
        Option("verify", "With TLS: whether a broker's certificate is checked.", default: "true"),
        Option("name", "What brokers show in their logs and quotas.", default: "millrace"),
        Option("connect-timeout", "How long connecting may take; at least 1ms.", default: "10s"),
    ]

    private static let workOptions = [
        Option("delivery-timeout", "How long a message may be on its way; at least 10ms.", default: "30s"),
        Option("linger", "How long to wait for more messages before a batch is sent.", default: "0ms"),
        Option("compression", "Of batches: none, gzip, snappy, lz4, zstd.", default: "none"),
        Option("maximum-pending", "How many published messages may be on their way; 1 to 1000000.", default: "65536"),
        Option("maximum-message-size", "The largest message, in bytes; at least 1000.", default: "1048588"),
        Option("group", "The consumer group of subscriptions that name none."),
        Option("member", "The name of this process within its groups; none otherwise."),
        Option("session-timeout", "After how long the group gives up a silent member.", default: "45s"),
        Option(
            "revoke-timeout", "How long handlers may go on with a partition that goes to another member.", default: "10s"),
        Option("commit-interval", "How often progress is committed; at least 1ms.", default: "500ms"),
        Option("transaction-timeout", "How long a transaction may take; 1s to 15m.", default: "10s"),
        Option("partitions", "Missing topics are made with so many partitions; left to the broker otherwise."),
        Option("replication", "Missing topics are made on so many brokers; left to the broker otherwise."),
        Option("timestamps", "Whether received messages carry the record's time.", default: "false"),
        Option(
            "dead-letters", "The suffix of the topic for rejected messages; empty to drop them.", default: ".dead-letter"),
        Option("retry-topics", "Delays of topics for messages that are tried again: 5s,1m; held by the process otherwise."),
        Option("property.NAME", "Any property of librdkafka."),
    ]
}
