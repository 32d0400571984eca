public import Millrace

extension RedisOptions {
    /// Options from a URL; what it does not mention has its default.
    ///
    /// | URL                                            | Meaning                                                |
    /// | ---------------------------------------------- | ------------------------------------------------------ |
    /// | `redis://user:password@host:port/db`           | TCP; every part but `redis://` may be left out         |
    /// | `rediss://...`                                 | the same, with TLS                                     |
    /// | `redis://first,second:6380,[::1]:6381/0`       | several servers, tried in order                        |
    /// | `unix://user:password@/path/of/socket?db=1`    | a Unix socket                                          |
    /// | `redis-sentinel://first,second/db?primary=one` | Sentinels, port 26379 by default                       |
    /// | `rediss-sentinel://...`                        | the same, with TLS                                     |
    ///
    /// | Query               | Option                                                             |
    /// | ------------------- | ------------------------------------------------------------------ |
    /// | `group`             | ``group``                                                          |
    /// | `name`              | ``clientName``                                                     |
    /// | `consumer`          | ``consumer``                                                       |
    /// | `db`                | ``database``                                                       |
    /// | `primary`           | the ``RedisSentinels/primary`` of ``sentinels``                    |
    /// | `sentinel-user`     | the ``RedisSentinels/username`` of ``sentinels``                   |
    /// | `sentinel-password` | the ``RedisSentinels/password`` of ``sentinels``                   |
    /// | `ca`, `cert`, `key` | files of ``tls``                                                   |
    /// | `server-name`       | the ``RedisTLS/serverName`` of ``tls``                             |
    /// | `verify`            | the ``RedisTLS/verifies`` of ``tls``: `true` or `false`            |
    /// | `connect-timeout`   | ``connectTimeout``: `500ms`, `5s`, `1m`; a bare number is seconds  |
    /// | `command-timeout`   | ``commandTimeout``                                                 |
    /// | `claim-interval`    | ``claimInterval``                                                  |
    /// | `maximum-pending`   | ``maximumPending``                                                 |
    /// | `maximum-length`    | the ``RedisRetention/maximumLength`` of ``retention``              |
    /// | `maximum-age`       | the ``RedisRetention/maximumAge`` of ``retention``                 |
    /// | `trim-interval`     | the ``RedisRetention/interval`` of ``retention``                   |
    /// | `trim-unacknowledged`  | its ``RedisRetention/trimsUnacknowledged``: `true` or `false`   |
    /// | `delete-acknowledged`  | its ``RedisRetention/deletesAcknowledged``: `true` or `false`   |
    /// | `dead-letters`      | a suffix for ``deadLetters``; empty to drop                        |
    /// | `password-file`     | a file with the ``password``; `sentinel-password-file` likewise    |
    /// | `password-env`      | a variable with the ``password``; `sentinel-password-env` likewise |
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
        (username, password) = (url.takeUsername(), try url.takePassword())
        if url.scheme.hasPrefix("rediss") { tls = RedisTLS() }
        try takeServers(from: &url)
        try takeWork(from: &url)
        try takeTLS(from: &url)
        try url.finish()
        do {
            try validate()
        } catch _ where url.mayHoldSecrets {
            // No part is safe to show, and this error shows none.
            throw url.invalid("url", "not shown", "a URL")
        }
    }

    /// The schemes of URLs that ``init(url:)-(String)`` takes.
    static let schemes = ["redis", "rediss", "unix", "redis-sentinel", "rediss-sentinel"]

    private mutating func takeServers(from url: inout TransportURL) throws {
        if url.scheme == "unix" {
            endpoints = [.unix(path: url.takePath())]
        } else if url.scheme.hasSuffix("-sentinel") {
            let hosts = try url.takeHosts(defaultPort: RedisSentinels.defaultPort)
            guard let primary = try url.take("primary") else {
                throw url.invalid("primary", "nil", "given: the name of the primary that the Sentinels watch")
            }
            sentinels = RedisSentinels(
                primary: primary, endpoints: hosts.map { .tcp(host: $0.name, port: $0.port) },
                username: try url.take("sentinel-user"), password: try url.takeSecret("sentinel-password"))
        } else {
            endpoints = try url.takeHosts(defaultPort: 6379).map { .tcp(host: $0.name, port: $0.port) }
        }
        let inPath = String(url.takePath().drop { $0 == "/" })
        let inQuery = try url.take("db")
        if !inPath.isEmpty, inQuery != nil { throw url.invalid("db", "given in path and query", "given once") }
        guard let text = inPath.isEmpty ? inQuery : inPath else { return }
        guard let number = Int(text), number >= 0 else { throw url.invalid("database", "'\(text)'", "a number, 0 or more") }
        database = number
    }

    private mutating func takeWork(from url: inout TransportURL) throws {
        group = try url.take("group")
        clientName = try url.take("name")
        consumer = try url.take("consumer")
        connectTimeout = try url.takeDuration("connect-timeout") ?? connectTimeout
        commandTimeout = try url.takeDuration("command-timeout") ?? commandTimeout
        claimInterval = try url.takeDuration("claim-interval") ?? claimInterval
        maximumPending = try url.takeNumber("maximum-pending") ?? maximumPending
        retention.maximumLength = try url.takeNumber("maximum-length")
        retention.maximumAge = try url.takeDuration("maximum-age")
        retention.interval = try url.takeDuration("trim-interval") ?? retention.interval
        retention.trimsUnacknowledged = try url.takeFlag("trim-unacknowledged") ?? false
        retention.deletesAcknowledged = try url.takeFlag("delete-acknowledged") ?? false
        if let suffix = try url.take("dead-letters") { deadLetters = suffix.isEmpty ? .drop : .topicSuffix(suffix) }
    }

    private mutating func takeTLS(from url: inout TransportURL) throws {
        guard tls != nil else { return }
        tls?.caFile = try url.take("ca")
        tls?.certificateFile = try url.take("cert")
        tls?.keyFile = try url.take("key")
        tls?.serverName = try url.take("server-name")
        tls?.verifies = try url.takeFlag("verify") ?? true
    }
}
