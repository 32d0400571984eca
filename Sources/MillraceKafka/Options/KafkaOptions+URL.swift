public import Millrace
import MillraceTransportKit

extension KafkaOptions {
    /// Options from a URL such as `kafka://user:password@first:9092,second?compression=lz4`, with TLS `kafkas://`; what it does not mention
    /// has its default.
    ///
    /// `Docs/kafka.md` lists the options.
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the part, its value and its bound, but no secret.
    public init(url: String) throws { try self.init(url: TransportURL(url)) }

    /// Options from the parts of a URL. See ``init(url:)-(String)``.
    public init(url: TransportURL) throws {
        var url = url
        guard Self.schemes.contains(url.scheme), url.hasAuthority else {
            throw url.invalid("url", "text that does not begin like one", "kafka:// or kafkas:// and where the brokers are")
        }
        self.init()
        servers = try url.takeHosts(defaultPort: 9092).map { host in
            host.name.contains(":") ? "[\(host.name)]:\(host.port)" : "\(host.name):\(host.port)"
        }
        security.isEncrypted = url.scheme == "kafkas"
        security.username = url.takeUsername()
        try Self.table.apply(&url, to: &self)
        if security.username != nil, security.mechanism == nil { security.mechanism = .plain }
        for (name, value) in url.takeAll(withPrefix: "property.") { properties[name] = value }
        try url.finish(checking: validate)
    }

    /// The schemes of URLs that ``init(url:)-(String)`` takes.
    static let schemes = ["kafka", "kafkas"]
}
