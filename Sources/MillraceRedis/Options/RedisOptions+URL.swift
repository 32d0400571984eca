import Millrace

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
    ///
    /// User, password, path and values are percent-decoded; `/`, `?` and `#` in a password must be percent-encoded.
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the part, its value and its bound, but never the
    ///   password.
    public init(url: String) throws {
        var parts = try RedisURL(url)
        self.init()
        (username, password) = (parts.username, parts.password)
        if parts.usesTLS { tls = RedisTLS() }
        if let path = parts.socketPath {
            endpoints = [.unix(path: path)]
        } else if parts.usesSentinels {
            let hosts = try parts.hosts(defaultPort: RedisSentinels.defaultPort)
            guard let primary = try parts.take("primary") else {
                throw parts.invalid("primary", "nil", "given: the name of the primary that the Sentinels watch")
            }
            sentinels = RedisSentinels(
                primary: primary, endpoints: hosts, username: try parts.take("sentinel-user"),
                password: try parts.take("sentinel-password"))
        } else {
            endpoints = try parts.hosts(defaultPort: 6379)
        }
        database = try parts.database() ?? database
        try take(from: &parts)
        try parts.checkThatNothingIsLeft()
        do {
            try validate()
        } catch _ where parts.mayHoldSecrets {
            throw parts.invalid("url", "not shown", RedisURL.encodingBound)
        }
    }

    private mutating func take(from parts: inout RedisURL) throws {
        group = try parts.take("group")
        clientName = try parts.take("name")
        consumer = try parts.take("consumer")
        connectTimeout = try parts.takeDuration("connect-timeout") ?? connectTimeout
        commandTimeout = try parts.takeDuration("command-timeout") ?? commandTimeout
        claimInterval = try parts.takeDuration("claim-interval") ?? claimInterval
        maximumPending = try parts.takeNumber("maximum-pending") ?? maximumPending
        retention.maximumLength = try parts.takeNumber("maximum-length")
        retention.maximumAge = try parts.takeDuration("maximum-age")
        retention.interval = try parts.takeDuration("trim-interval") ?? retention.interval
        retention.trimsUnacknowledged = try parts.takeFlag("trim-unacknowledged") ?? false
        retention.deletesAcknowledged = try parts.takeFlag("delete-acknowledged") ?? false
        if let suffix = try parts.take("dead-letters") { deadLetters = suffix.isEmpty ? .drop : .topicSuffix(suffix) }
        guard tls != nil else { return }
        tls?.caFile = try parts.take("ca")
        tls?.certificateFile = try parts.take("cert")
        tls?.keyFile = try parts.take("key")
        tls?.serverName = try parts.take("server-name")
        tls?.verifies = try parts.takeFlag("verify") ?? true
    }
}
