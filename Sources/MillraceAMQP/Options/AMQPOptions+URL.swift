public import Millrace
import MillraceTransportKit

extension AMQPOptions {
    /// Options from a URL such as `amqp://user:password@first,second:5673/vhost?queue-type=quorum`, with TLS `amqps://`; what it does not
    /// mention has its default. No path, or `/` alone, is the virtual host `/`.
    ///
    /// `Docs/amqp.md` lists the options.
    ///
    /// User, password, path and values are percent-decoded; `/`, `?` and `#` in a password must be percent-encoded.
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the part, its value and its bound, but never the
    ///   password.
    public init(url: String) throws { try self.init(url: TransportURL(url)) }

    /// Options from the parts of a URL. See ``init(url:)-(String)``.
    public init(url: TransportURL) throws {
        var url = url
        guard Self.schemes.contains(url.scheme), url.hasAuthority else {
            throw url.invalid("url", "text that does not begin like one", "amqp:// or amqps:// and where the broker is")
        }
        self.init()
        let isEncrypted = url.scheme == "amqps"
        if isEncrypted { tls = AMQPTLS() }
        servers = try url.takeHosts(defaultPort: isEncrypted ? 5671 : 5672).map { AMQPEndpoint(host: $0.name, port: $0.port) }
        username = url.takeUsername() ?? username
        let path = url.takePath()
        if path.count > 1 { virtualHost = String(path.dropFirst()) }
        try takePreset(from: &url)
        try Self.table.apply(&url, to: &self)
        try url.finish(checking: validate)
    }

    /// The schemes of URLs that ``init(url:)-(String)`` takes.
    static let schemes = ["amqp", "amqps"]

    /// The topologies by their names in URLs; each but the last is the same for all.
    static let presets: KeyValuePairs<String, AMQPTopology?> = [
        "publish-subscribe": .publishSubscribe, "queue": .queue, "topic": nil,
    ]

    /// The topology that the other options change.
    private mutating func takePreset(from url: inout TransportURL) throws {
        let preset = try url.takeChoice("topology", Self.presets) ?? .publishSubscribe
        let exchange = url.take("exchange")
        if let preset {
            guard exchange == nil else {
                throw url.invalid("exchange", "given", "left out: only topology=topic has one exchange for all topics")
            }
            topology = preset
        } else {
            guard let exchange else { throw url.invalid("exchange", "nil", "given: the name of the topic exchange") }
            topology = .topic(exchange: exchange)
        }
    }
}
