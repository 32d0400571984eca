public import Millrace
import MillraceTransportKit

extension RedisOptions {
    /// Options from a URL such as `redis://user:password@host:6379/0?group=billing`; what it does not mention has its default.
    ///
    /// `Docs/redis.md` lists the forms of URLs and the options.
    ///
    /// User, password, path and values are percent-decoded; `/`, `?` and `#` in a password must be percent-encoded.
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the part, its value and its bound, but never the
    ///   password.
    public init(url: String) throws { try self.init(url: TransportURL(url)) }

    /// Options from the parts of a URL. See ``init(url:)-(String)``.
    public init(url: TransportURL) throws {
        var url = url
        let schemes = RedisOptions.schemes
        guard schemes.contains(url.scheme) else {
            throw MillraceError.invalidOption(
                "scheme", "'\(url.scheme)'", bound: "one of \(schemes.joined(separator: ", "))", of: "Redis URL")
        }
        guard url.hasAuthority else {
            throw url.invalid("url", "text without '//' behind the scheme", "\(url.scheme):// and where the server is")
        }
        self.init()
        username = url.takeUsername()
        if url.scheme.hasPrefix("rediss") { tls = RedisTLS() }
        try takeServers(from: &url)
        try takeDatabase(from: &url)
        try Self.table.apply(&url, to: &self)
        if sentinels?.primary.isEmpty == true {
            throw url.invalid("primary", "nil", "given: the name of the primary that the Sentinels watch")
        }
        try url.finish(checking: validate)
    }

    /// The schemes of URLs that ``init(url:)-(String)`` takes.
    static let schemes = ["redis", "rediss", "unix", "redis-sentinel", "rediss-sentinel"]

    private mutating func takeServers(from url: inout TransportURL) throws {
        if url.scheme == "unix" {
            endpoints = [.unix(path: url.takePath())]
        } else if url.scheme.hasSuffix("-sentinel") {
            let hosts = try url.takeHosts(defaultPort: RedisSentinels.defaultPort)
            sentinels = RedisSentinels(primary: "", endpoints: hosts.map { .tcp(host: $0.name, port: $0.port) })
        } else {
            endpoints = try url.takeHosts(defaultPort: 6379).map { .tcp(host: $0.name, port: $0.port) }
        }
    }

    /// The number in the path, in the place of option `db`.
    private mutating func takeDatabase(from url: inout TransportURL) throws {
        let text = url.takePath().drop { $0 == "/" }
        guard !text.isEmpty else { return }
        guard url.take("db") == nil else { throw url.invalid("db", "given in path and query", "given once") }
        guard let number = Int(text), number >= 0 else { throw url.invalid("database", "'\(text)'", "a number, 0 or more") }
        database = number
    }
}
