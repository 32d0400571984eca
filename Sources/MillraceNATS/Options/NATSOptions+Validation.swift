import Millrace
import MillraceTransportKit

extension NATSOptions {
    static func invalid(_ name: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(name, value, bound: bound, of: "NATS options")
    }

    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    func validate() throws {
        guard !servers.isEmpty, servers.allSatisfy({ !$0.isEmpty && !$0.contains(where: { ", @/".contains($0) }) }) else {
            throw Self.invalid("servers", servers.count, "at least one host:port, without user and scheme")
        }
        try Self.table.validate(self, of: "NATS options")
        try security.validate()
        for subject in newStreams?.subjects ?? [] { try NATSNames.check(subject, allowsWildcards: true) }
        try consumers.validate()
    }
}
