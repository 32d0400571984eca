/// Options that most transports have, with the same names, bounds and words in all of them.
extension Option {
    /// `group`: the consumer group of subscriptions that name none.
    public init(group path: OptionPath<Options, String?>) {
        self.init("group", path, .name, "The consumer group of subscriptions that name none. Handlers name one.")
    }

    /// `maximum-pending`: how many published messages may be on their way, at least 1 and at most `most`, which defaults to any number.
    public init(maximumPending path: OptionPath<Options, Int>, upTo most: Int = .max) {
        self.init(
            "maximum-pending", path, 1...most, "How many published messages may be on their way; publishers wait for room.")
    }

    /// `dead-letters`: where rejected messages go, to a topic whose name has a suffix, or nowhere.
    ///
    /// - Parameters:
    ///   - path: The property.
    ///   - make: The value for a suffix.
    ///   - drop: The value for nowhere, which empty text stands for.
    ///   - suffix: The suffix of a value; nil for others.
    public init<Value: Equatable & Sendable>(
        deadLetters path: OptionPath<Options, Value>, _ make: @escaping @Sendable (String) -> Value, orDrop drop: Value,
        of suffix: @escaping @Sendable (Value) -> String?
    ) {
        self.init(
            "dead-letters", path, .suffix(make, orDrop: drop, of: suffix),
            "The suffix of the topic for rejected messages; empty to drop them.")
    }

    /// `ca`, `cert`, `key` and `verify`: whom TLS trusts, and who the client is.
    ///
    /// - Parameters:
    ///   - authorities: A PEM file of certificates whose issuers are trusted; nil for the system's.
    ///   - certificate: A PEM file with the client's certificate.
    ///   - key: A PEM file with its private key. That both are given, or none, code beside the table checks.
    ///   - verifies: Whether the server's certificate is checked.
    public static func tls(
        authorities: OptionPath<Options, String?>, certificate: OptionPath<Options, String?>, key: OptionPath<Options, String?>,
        verifies: OptionPath<Options, Bool>
    ) -> [Option] {
        [
            Option("ca", authorities, .path, "With TLS: a PEM file of trusted certificates.", ifNone: "the system's"),
            Option("cert", certificate, .path, "With TLS: a PEM file with the client's certificate. Needs `key`."),
            Option("key", key, .path, "With TLS: a PEM file with the certificate's private key. Needs `cert`."),
            Option("verify", verifies, "With TLS: whether the server's certificate is checked."),
        ]
    }

    /// `server-name`: the name that the server's certificate must be for; nil for that of the host.
    public init(serverName path: OptionPath<Options, String?>) {
        self.init(
            "server-name", path, .word, "With TLS: the name that the server's certificate must be for.", ifNone: "the host's")
    }
}
