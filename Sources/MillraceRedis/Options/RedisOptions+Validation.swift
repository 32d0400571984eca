import Millrace

extension RedisOptions {
    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws {
        try validateServer()
        try validateCredentials()
        try validateWork()
    }

    static func invalid(_ field: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(field, value, bound: bound, of: "RedisOptions")
    }

    private func validateServer() throws {
        if let sentinels {
            try sentinels.validate()
        } else {
            guard !endpoints.isEmpty else { throw Self.invalid("endpoints", "[]", "at least 1") }
            for (index, endpoint) in endpoints.enumerated() {
                try endpoint.validate("endpoints[\(index)]")
                if case .unix(let path) = endpoint, tls != nil {
                    throw Self.invalid("endpoints[\(index)]", path.debugDescription, "a host and a port when tls is given")
                }
            }
        }
        try tls?.validate()
        // The widest number that the server reads.
        guard (0...Int(Int32.max)).contains(database) else {
            throw Self.invalid("database", database, "0 to \(Int32.max)")
        }
    }

    private func validateCredentials() throws {
        if let username {
            guard !username.isEmpty else { throw Self.invalid("username", "\"\"", "at least 1 character, or nil") }
            guard password != nil else { throw Self.invalid("password", "nil", "given, because username is") }
        }
        if let password, password.isEmpty {
            throw Self.invalid("password", "empty", "at least 1 character, or nil")
        }
        // What CLIENT SETNAME takes.
        if let clientName, clientName.isEmpty || !clientName.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw Self.invalid("clientName", clientName.debugDescription, "printable ASCII without spaces, at least 1 character")
        }
    }

    private func validateWork() throws {
        for (name, duration) in [
            ("connectTimeout", connectTimeout), ("commandTimeout", commandTimeout), ("claimInterval", claimInterval),
        ] where duration < .milliseconds(1) {
            throw Self.invalid(name, duration, "at least 1 millisecond")
        }
        guard maximumPending >= 1 else { throw Self.invalid("maximumPending", maximumPending, "at least 1") }
        try retention.validate()
        for (name, text) in [("group", group), ("consumer", consumer)] {
            guard let text else { continue }
            let isPrintable = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            guard (1...Naming.maximumTopicLength).contains(text.utf8.count), isPrintable else {
                throw Self.invalid(
                    name, text.debugDescription, "1 to \(Naming.maximumTopicLength) bytes without control characters, or nil")
            }
        }
        if case .topicSuffix("") = deadLetters {
            throw Self.invalid("deadLetters", "topicSuffix(\"\")", "at least 1 character")
        }
    }
}
