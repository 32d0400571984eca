import Millrace
import MillraceTransportKit

extension RedisOptions {
    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws {
        try validateServer()
        try validateCredentials()
        try tls?.validate()
        try Self.table.validate(self, of: "RedisOptions")
    }

    static func invalid(_ field: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(field, value, bound: bound, of: "RedisOptions")
    }

    private func validateServer() throws {
        if let sentinels { return try sentinels.validate() }
        guard !endpoints.isEmpty else { throw Self.invalid("endpoints", "[]", "at least 1") }
        for (index, endpoint) in endpoints.enumerated() {
            try endpoint.validate("endpoints[\(index)]")
            if case .unix(let path) = endpoint, tls != nil {
                throw Self.invalid("endpoints[\(index)]", path.debugDescription, "a host and a port when tls is given")
            }
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
    }
}
