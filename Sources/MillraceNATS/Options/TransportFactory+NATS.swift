public import Millrace

extension TransportFactory {
    /// NATS, JetStream unless `mode=core` says otherwise: `nats://`, `natss://` (TLS), with the options of `NATSOptions`.
    public static var nats: TransportFactory {
        TransportFactory(
            "nats", schemes: NATSOptions.schemes, example: "nats://127.0.0.1:4222",
            options: serverOptions + workOptions + streamOptions
        ) { url, context in
            try await NATSTransport(NATSOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }

    private static let serverOptions = [
        Option("mode", "jetstream, or core for messages at most once.", default: "jetstream"),
        Option("password-file", "A file with the password."),
        Option("password-env", "A variable of the environment with the password."),
        Option("token-file", "A file with a token in the place of user and password."),
        Option("token-env", "A variable of the environment with such a token."),
        Option("credentials", "A credentials file, with a user's JWT and seed."),
        Option("nkey", "The public NKey of a user."),
        Option("seed", "A file with the seed of the NKey."),
        Option("ca", "With TLS: a PEM file of certificates whose issuers are trusted; the system's otherwise."),
        Option("cert", "With TLS: a PEM file with the client's certificate."),
        Option("key", "With TLS: a PEM file with the certificate's private key."),
        Option("server-name", "With TLS: the name that the server's certificate must be for; the host otherwise."),
        Option("verify", "With TLS: whether a server's certificate is checked.", default: "true"),
        Option("name", "What servers show in their list of connections.", default: "millrace"),
        Option("connect-timeout", "How long connecting may take; at least 1ms.", default: "5s"),
        Option("request-timeout", "How long answers about streams and consumers may take.", default: "5s"),
        Option("ping-interval", "How often a silent server is asked whether it is there.", default: "10s"),
    ]

    private static let workOptions = [
        Option("publish-timeout", "How long a message may be on its way; at least 10ms.", default: "30s"),
        Option("maximum-pending", "How many published messages may be on their way; 1 to 1000000.", default: "16384"),
        Option("maximum-waiting", "Core: how many messages wait for a full subscription.", default: "65536"),
        Option("group", "The consumer group of subscriptions that name none."),
        Option("deduplicates", "Whether the server is to recognise messages by their id.", default: "true"),
        Option("attempts-bucket", "Knows which deliveries do not count as attempts; empty for none.", default: "millrace"),
        Option("maximum-ack-pending", "How many messages of a group may be unacknowledged.", default: "100000"),
        Option("maximum-deliveries", "After how many deliveries the server gives a message up; never otherwise."),
        Option("inactive-threshold", "After how long without members a group is deleted; never otherwise."),
        Option(
            "dead-letters", "The suffix of the topic for rejected messages; empty to drop them.", default: ".dead-letter"),
    ]

    private static let streamOptions = [
        Option("domain", "The JetStream domain; the server's own otherwise."),
        Option("streams", "create, or existing: missing streams are an error.", default: "create"),
        Option("storage", "Of new streams: file or memory.", default: "file"),
        Option("retention", "Of new streams: limits, interest or workqueue.", default: "limits"),
        Option("replicas", "Of new streams: on how many servers they are kept; 1 to 5.", default: "1"),
        Option("maximum-messages", "Of new streams: how many messages they keep; any number otherwise."),
        Option("maximum-bytes", "Of new streams: how many bytes they keep; any number otherwise."),
        Option("maximum-age", "Of new streams: how long they keep messages; for ever otherwise."),
        Option("maximum-message-size", "Of new streams: the largest message in bytes; the server's bound otherwise."),
        Option("deduplication-window", "Of new streams: for how long they know ids.", default: "2m"),
    ]
}
