import Millrace

extension NATSOptions {
    static func invalid(_ name: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(name, value, bound: bound, of: "NATS options")
    }

    static func check(_ name: String, _ value: Duration, atLeast least: Duration) throws {
        let most = Duration.seconds(366 * 86_400)
        guard value >= least, value <= most else { throw invalid(name, value, "\(least) to 366 days") }
    }

    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    func validate() throws {
        guard !servers.isEmpty, servers.allSatisfy({ !$0.isEmpty && !$0.contains(where: { ", @/".contains($0) }) }) else {
            throw Self.invalid("servers", servers.count, "at least one host:port, without user and scheme")
        }
        guard !name.isEmpty, name.utf8.count <= 255 else { throw Self.invalid("name", name.prefix(40), "1 to 255 bytes") }
        try Self.check("connectTimeout", connectTimeout, atLeast: .milliseconds(1))
        try Self.check("requestTimeout", requestTimeout, atLeast: .milliseconds(10))
        try Self.check("publishTimeout", publishTimeout, atLeast: .milliseconds(10))
        try Self.check("pingInterval", pingInterval, atLeast: .milliseconds(10))
        guard (1...1_000_000).contains(maximumPending) else {
            throw Self.invalid("maximumPending", maximumPending, "1 to 1,000,000")
        }
        guard (1...1_000_000_000).contains(maximumWaiting) else {
            throw Self.invalid("maximumWaiting", maximumWaiting, "1 to 1,000,000,000")
        }
        if let group { try SubscriptionOptions(group: group).validate() }
        if let domain, !NATSNames.isToken(domain) {
            throw Self.invalid("domain", "'\(domain.prefix(40))'", "a name without '.', '*', '>' and spaces")
        }
        if let attemptsBucket, !NATSNames.isToken(attemptsBucket) {
            throw Self.invalid("attemptsBucket", "'\(attemptsBucket.prefix(40))'", "a name without '.', '*', '>' and spaces")
        }
        if case .topicSuffix(let suffix) = deadLetters, suffix.isEmpty || !NATSNames.isSubject("topic" + suffix) {
            throw Self.invalid("deadLetters", "'\(suffix.prefix(40))'", "a suffix that makes another topic")
        }
        try security.validate()
        try newStreams?.validate()
        try consumers.validate()
    }
}
