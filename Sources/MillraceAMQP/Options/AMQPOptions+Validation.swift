import Millrace

extension AMQPOptions {
    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws {
        guard !servers.isEmpty else { throw Self.invalid("servers", "[]", "at least 1") }
        for (index, server) in servers.enumerated() { try server.validate("servers[\(index)]") }
        try validateCredentials()
        try tls?.validate()
        try validateTimes()
        try validateWork()
        try topology.validate()
    }

    static func invalid(_ field: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(field, value, bound: bound, of: "AMQPOptions")
    }

    private func validateCredentials() throws {
        // What ends a text in C, or does not fit into the handshake.
        for (name, text) in [("username", username), ("virtualHost", virtualHost), ("connectionName", connectionName)] {
            guard (1...255).contains(text.utf8.count), !text.utf8.contains(0) else {
                throw Self.invalid(name, text.prefix(40).debugDescription, "1 to 255 bytes, none of them 0")
            }
        }
        guard password.utf8.count <= 65_536, !password.utf8.contains(0) else {
            throw Self.invalid("password", "not shown", "at most 65,536 bytes, none of them 0")
        }
    }

    private func validateTimes() throws {
        guard (Duration.seconds(1)...Duration.seconds(3_600)).contains(heartbeat), heartbeat.components.attoseconds == 0 else {
            throw Self.invalid("heartbeat", heartbeat, "1 to 3,600 seconds, without a fraction")
        }
        guard (Duration.milliseconds(1)...Duration.seconds(3_600)).contains(connectTimeout) else {
            throw Self.invalid("connectTimeout", connectTimeout, "1 millisecond to 1 hour")
        }
        guard maximumReconnectDelay >= .milliseconds(100) else {
            throw Self.invalid("maximumReconnectDelay", maximumReconnectDelay, "at least 100 milliseconds")
        }
        guard publishTimeout >= .milliseconds(100) else {
            throw Self.invalid("publishTimeout", publishTimeout, "at least 100 milliseconds")
        }
    }

    private func validateWork() throws {
        guard maximumPending >= 1 else { throw Self.invalid("maximumPending", maximumPending, "at least 1") }
        guard (1...65_536).contains(confirmWindow) else { throw Self.invalid("confirmWindow", confirmWindow, "1 to 65,536") }
        guard maximumMessageSize >= 1 else { throw Self.invalid("maximumMessageSize", maximumMessageSize, "at least 1") }
        if let group {
            let isPrintable = group.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            guard (1...Naming.maximumTopicLength).contains(group.utf8.count), isPrintable else {
                throw Self.invalid(
                    "group", group.debugDescription,
                    "1 to \(Naming.maximumTopicLength) bytes without control characters, or nil")
            }
        }
        if case .topicSuffix("") = deadLetters {
            throw Self.invalid("deadLetters", "topicSuffix(\"\")", "at least 1 character")
        }
    }
}
