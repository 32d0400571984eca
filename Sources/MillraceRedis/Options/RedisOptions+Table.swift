import MillraceTransportKit

extension RedisOptions {
    /// The options of URLs, with their bounds, which hold in code as well.
    static let table = OptionTable(defaults: RedisOptions()) {
        Option(secret: "password", \.password, "the password")
        // The widest number that the server reads.
        Option("db", \.database, 0...Int(Int32.max), "The number of the database, unless it is the path.")
        Option("name", \.clientName, .clientName, "What the server's list of clients shows.")
        RedisSentinels.table.nested(in: \.sentinels)
        RedisTLS.table.nested(in: \.tls)
        Option(
            "connect-timeout", \.connectTimeout, atLeast: .milliseconds(1),
            "How long connecting may take, with encryption and authentication.")
        Option(
            "command-timeout", \.commandTimeout, atLeast: .milliseconds(1), "How long the server may take to answer a command.")
        Option(group: \.group)
        Option("consumer", \.consumer, .name, "The name of this process within its groups.", ifNone: "a new one")
        Option(
            "claim-interval", \.claimInterval, atLeast: .milliseconds(1),
            "How often entries are looked for whose lease has run out.")
        Option(maximumPending: \.maximumPending)
        RedisRetention.table.nested(in: \.retention)
        Option(deadLetters: \.deadLetters, DeadLetters.topicSuffix, orDrop: .drop) {
            if case .topicSuffix(let suffix) = $0 { suffix } else { nil }
        }
    }
}

extension RedisRetention {
    static let table = OptionTable(defaults: RedisRetention()) {
        Option("maximum-length", \.maximumLength, 1..., "About how many entries a stream keeps.", ifNone: "any number")
        Option(
            "maximum-age", \.maximumAge, atLeast: .milliseconds(1),
            "For about how long a stream keeps entries, by the server's clock.", ifNone: "for ever")
        Option("trim-interval", \.interval, atLeast: .milliseconds(1), "How often streams are looked at for what to trim.")
        Option("trim-unacknowledged", \.trimsUnacknowledged, "Whether what some group has not acknowledged is trimmed too.")
        Option("delete-acknowledged", \.deletesAcknowledged, "Whether entries go as soon as all groups have acknowledged them.")
    }
}

extension RedisSentinels {
    static let table = OptionTable(defaults: RedisSentinels(primary: "", endpoints: [])) {
        Option("primary", \.primary, .word, "With Sentinels, required: the name of the primary that they watch.")
        Option("sentinel-user", \.username, .text, "With Sentinels: the user to authenticate as with them.")
        Option(secret: "sentinel-password", \.password, "the password of the Sentinels")
    }
}

extension RedisTLS {
    static let table = OptionTable(defaults: RedisTLS()) {
        Option.tls(authorities: \.caFile, certificate: \.certificateFile, key: \.keyFile, verifies: \.verifies)
        Option(serverName: \.serverName)
    }
}

extension OptionValue where Value == String {
    /// What CLIENT SETNAME takes.
    fileprivate static var clientName: Self {
        .text("printable ASCII without spaces, at least 1 character") { text in
            !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        }
    }
}
