import Millrace
import MillraceTransportKit

extension SQLiteOptions {
    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw Self.invalid("path", path.debugDescription, "the path of a file, without null characters")
        }
        // Every connection would have a database of its own.
        guard path != ":memory:", !path.hasPrefix("file:") else {
            throw Self.invalid("path", path.debugDescription, "the path of a file; for memory there is MemoryTransport")
        }
        try Self.table.validate(self, of: "SQLiteOptions")
    }

    static func invalid(_ field: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(field, value, bound: bound, of: "SQLiteOptions")
    }
}
