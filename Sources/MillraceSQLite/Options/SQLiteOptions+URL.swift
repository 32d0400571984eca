public import Millrace
import MillraceTransportKit

extension SQLiteOptions {
    /// Options from a URL such as `sqlite:orders.db` or `sqlite:/var/lib/shop/orders.db?synchronous=normal`; what it does not mention
    /// has its default. A path without `/` in front is relative to the working directory; `sqlite:///var/lib/...` works as well.
    ///
    /// `Docs/sqlite.md` lists the options.
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the part, its value and its bound.
    public init(url: String) throws { try self.init(url: TransportURL(url)) }

    /// Options from the parts of a URL. See ``init(url:)-(String)``.
    public init(url: TransportURL) throws {
        var url = url
        guard url.scheme == "sqlite" else {
            throw MillraceError.invalidOption("scheme", "'\(url.scheme)'", bound: "sqlite", of: "SQLite URL")
        }
        let path = url.takePath()
        guard !path.isEmpty else { throw url.invalid("path", "''", "the path of a file: sqlite:orders.db") }
        self.init(path: path)
        try Self.table.apply(&url, to: &self)
        try url.finish(checking: validate)
    }
}
