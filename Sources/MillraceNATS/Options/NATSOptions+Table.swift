import MillraceTransportKit

extension NATSOptions {
    /// The longest of all durations: a year.
    private static let longest = Duration.seconds(366 * 86_400)

    /// The options of URLs, with their bounds, which hold in code as well.
    static let table = OptionTable(defaults: NATSOptions()) {
        Option("mode", \.mode, ["jetstream": .jetStream, "core": .core], "`core` is for messages at most once.")
        NATSSecurity.credentials.nested(in: \.security)
        NATSSecurity.tls.nested(in: \.security, when: { $0.security.isEncrypted })
        Option(
            "name", \.name, .text("1 to 255 bytes") { (1...255).contains($0.utf8.count) },
            "What servers show in their list of connections.")
        Option(
            "connect-timeout", \.connectTimeout, atLeast: .milliseconds(1), atMost: longest,
            "How long connecting to a server may take.")
        Option(
            "request-timeout", \.requestTimeout, atLeast: .milliseconds(10), atMost: longest,
            "How long an answer about streams and consumers may take.")
        Option(
            "publish-timeout", \.publishTimeout, atLeast: .milliseconds(10), atMost: longest,
            "How long a message may be on its way, with all reconnects.")
        Option(
            "ping-interval", \.pingInterval, atLeast: .milliseconds(10), atMost: longest,
            "How often a silent server is asked whether it is there.")
        Option(maximumPending: \.maximumPending, upTo: 1_000_000)
        Option(
            "maximum-waiting", \.maximumWaiting, 1...1_000_000_000,
            "With `core`: how many messages wait for a subscription that is full.")
        Option(group: \.group)
        Option("domain", \.domain, .token, "The JetStream domain.", ifNone: "the server's")
        Option(
            "streams", \.newStreams, ["create": NATSNewStreams(), "existing": nil],
            "`create` makes missing streams, `existing` does not.")
        NATSNewStreams.table.nested(in: \.newStreams)
        Option("deduplicates", \.deduplicates, "Whether messages carry what the server needs to recognise them.")
        NATSConsumers.table.nested(in: \.consumers)
        Option(
            "attempts-bucket", \.attemptsBucket, .tokenOrNone,
            "The bucket that knows which deliveries are no attempts; empty for none.")
        Option(
            "dead-letters", \.deadLetters,
            .suffix(DeadLetters.topicSuffix, orDrop: .drop) { $0.suffix }.limited(to: "a suffix that makes another topic") {
                $0.suffix.map { NATSNames.isSubject("topic" + $0) } ?? true
            }, "The suffix of the topic for rejected messages; empty to drop them.")
    }
}

extension NATSSecurity {
    static let credentials = OptionTable(defaults: NATSSecurity()) {
        Option(secret: "password", \.password, "the password")
        Option(secret: "token", \.token, "the token that takes the place of user and password")
        Option("credentials", \.credentialsFile, .path, "A credentials file, with a user's JWT and seed.")
        Option("nkey", \.nkey, .text, "The public NKey of a user. Needs `seed`.")
        Option("seed", \.seedFile, .path, "A file with the seed of the NKey. Needs `nkey`.")
    }

    static let tls = OptionTable(defaults: NATSSecurity()) {
        Option.tls(authorities: \.caFile, certificate: \.certificateFile, key: \.keyFile, verifies: \.verifies)
        Option(serverName: \.serverName)
    }
}

extension OptionValue where Value == String {
    fileprivate static var token: Self {
        .text("a name without '.', '*', '>' and spaces") { NATSNames.isToken($0) }
    }
}

extension OptionValue where Value == String? {
    fileprivate static var tokenOrNone: Self {
        OptionValue("a name without '.', '*', '>' and spaces") {
            .some($0.isEmpty ? nil : $0)
        } text: {
            $0 ?? ""
        } allows: {
            $0.map { NATSNames.isToken($0) } ?? true
        }
    }
}

extension NATSOptions.DeadLetters {
    fileprivate var suffix: String? { if case .topicSuffix(let suffix) = self { suffix } else { nil } }
}
