import Millrace
import MillraceTransportKit

extension AMQPOptions {
    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws {
        guard !servers.isEmpty else { throw Self.invalid("servers", "[]", "at least 1") }
        for (index, server) in servers.enumerated() { try server.validate("servers[\(index)]") }
        try validateCredentials()
        try tls?.validate()
        try Self.table.validate(self, of: "AMQPOptions")
        try topology.validate()
    }

    static func invalid(_ field: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(field, value, bound: bound, of: "AMQPOptions")
    }

    private func validateCredentials() throws {
        // What ends a text in C, or does not fit into the handshake.
        for (name, text) in [("username", username), ("virtualHost", virtualHost)] {
            guard (1...255).contains(text.utf8.count), !text.utf8.contains(0) else {
                throw Self.invalid(name, text.prefix(40).debugDescription, "1 to 255 bytes, none of them 0")
            }
        }
        guard password.utf8.count <= 65_536, !password.utf8.contains(0) else {
            throw Self.invalid("password", "not shown", "at most 65,536 bytes, none of them 0")
        }
    }
}
