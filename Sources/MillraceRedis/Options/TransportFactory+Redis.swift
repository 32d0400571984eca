public import Millrace

extension TransportFactory {
    /// Redis Streams: `redis://`, `rediss://` (TLS), `unix://`, `redis-sentinel://` and `rediss-sentinel://`, with the options of
    /// `RedisOptions`.
    public static var redis: TransportFactory {
        TransportFactory(
            "redis", schemes: RedisOptions.schemes, example: "redis://127.0.0.1:6379/0", options: serverOptions + workOptions
        ) { url, context in
            try await RedisTransport(RedisOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }

    private static let serverOptions = [
        Option("password-file", "A file with the password."),
        Option("password-env", "A variable of the environment with the password."),
        Option("db", "The number of the database, unless it is the path.", default: "0"),
        Option("name", "What the server's list of clients shows: printable ASCII without spaces."),
        Option("primary", "With Sentinels: the name of the primary that they watch."),
        Option("sentinel-user", "With Sentinels: the user to authenticate as with them."),
        Option("sentinel-password-file", "With Sentinels: a file with their password."),
        Option("sentinel-password-env", "With Sentinels: a variable of the environment with their password."),
        Option("ca", "With TLS: a PEM file of certificates whose issuers are trusted; the system's otherwise."),
        Option("cert", "With TLS: a PEM file with the client's certificate."),
        Option("key", "With TLS: a PEM file with the certificate's private key."),
        Option("server-name", "With TLS: the name that the server's certificate must be for; the host otherwise."),
        Option("verify", "With TLS: whether the server's certificate is checked.", default: "true"),
        Option("connect-timeout", "How long connecting may take; at least 1ms.", default: "5s"),
        Option("command-timeout", "How long the server may take to answer a command; at least 1ms.", default: "30s"),
    ]

    private static let workOptions = [
        Option("group", "The consumer group of subscriptions that name none."),
        Option("consumer", "The name of this process within its groups; a new one for each transport otherwise."),
        Option(
            "claim-interval", "How often entries are looked for whose lease has run out; at least 1ms.", default: "1s"),
        Option("maximum-pending", "How many published messages may be on their way; at least 1.", default: "16384"),
        Option("maximum-length", "About how many entries a stream keeps; at least 1, any number otherwise."),
        Option("maximum-age", "For about how long a stream keeps entries; at least 1ms, for ever otherwise."),
        Option("trim-interval", "How often streams are looked at for what to trim; at least 1ms.", default: "1s"),
        Option(
            "trim-unacknowledged", "Whether what some group has not acknowledged is trimmed too.", default: "false"),
        Option("delete-acknowledged", "Whether entries go as soon as all groups have acknowledged them.", default: "false"),
        Option(
            "dead-letters", "The suffix of the topic for rejected messages; empty to drop them.", default: ".dead-letter"),
    ]
}
