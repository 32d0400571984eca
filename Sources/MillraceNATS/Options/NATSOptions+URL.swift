public import Millrace
import MillraceTransportKit

extension NATSOptions {
    /// Options from a URL such as `nats://user:password@first:4222,second?group=billing`, with TLS `natss://`; what it does not mention
    /// has its default.
    ///
    /// `Docs/nats.md` lists the options.
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the part, its value and its bound, but no secret.
    public init(url: String) throws { try self.init(url: TransportURL(url)) }

    /// Options from the parts of a URL. See ``init(url:)-(String)``.
    public init(url: TransportURL) throws {
        var url = url
        guard Self.schemes.contains(url.scheme), url.hasAuthority else {
            throw url.invalid("url", "text that does not begin like one", "nats:// or natss:// and where the servers are")
        }
        self.init()
        servers = try url.takeHosts(defaultPort: 4222).map { host in
            host.name.contains(":") ? "[\(host.name)]:\(host.port)" : "\(host.name):\(host.port)"
        }
        security.isEncrypted = url.scheme == "natss"
        security.username = url.takeUsername()
        try Self.table.apply(&url, to: &self)
        try url.finish(checking: validate)
    }

    /// The schemes of URLs that ``init(url:)-(String)`` takes.
    static let schemes = ["nats", "natss"]
}
