public import Millrace
import MillraceTransportKit

extension MemoryOptions {
    /// Options from a URL such as `memory:` or `memory:?capacity=100&overflow=refuse`; what it does not mention has its default.
    ///
    /// `Docs/configuration.md` lists the options.
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the option, its value and its bound.
    public init(url: TransportURL) throws {
        var url = url
        guard url.scheme == "memory" else {
            throw MillraceError.invalidOption("scheme", "'\(url.scheme)'", bound: "memory", of: "memory URL")
        }
        self.init()
        try Self.table.apply(&url, to: &self)
        try url.finish(checking: validate)
    }
}
