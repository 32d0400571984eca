public import Millrace

extension KafkaOptions {
    /// Options from a URL; what it does not mention has its default.
    ///
    /// | URL                                     | Meaning                                                          |
    /// | --------------------------------------- | ---------------------------------------------------------------- |
    /// | `kafka://first:9092,second`             | brokers to ask for the rest, port 9092 by default                |
    /// | `kafkas://...`                          | the same, with TLS                                               |
    /// | `kafka://user:password@host`            | authenticates, by the mechanism that `mechanism` names           |
    ///
    /// | Query                             | Option                                                                        |
    /// | --------------------------------- | ----------------------------------------------------------------------------- |
    /// | `password-file`, `password-env`   | a file or a variable with the password                                        |
    /// | `mechanism`                       | the ``KafkaSecurity/mechanism``: `plain`, the default, `scram-sha-256`, `scram-sha-512` |
    /// | `ca`, `cert`, `key`               | files of ``security``                                                         |
    /// | `key-password-file`, `key-password-env` | where the private key's password is                                     |
    /// | `verify`                          | ``KafkaSecurity/verifies``: `true` or `false`                                 |
    /// | `name`                            | ``clientID``                                                                  |
    /// | `group`, `member`                 | ``group``, ``member``                                                         |
    /// | `connect-timeout`, `delivery-timeout`, `session-timeout`, `revoke-timeout` | the time-outs of these names: `500ms`, `5s`, `1m` |
    /// | `commit-interval`, `linger`       | ``commitInterval``, ``linger``                                                |
    /// | `transaction-timeout`             | ``transactionTimeout``                                                        |
    /// | `compression`                     | ``compression``: `none`, `gzip`, `snappy`, `lz4`, `zstd`                      |
    /// | `maximum-pending`, `maximum-message-size` | ``maximumPending``, ``maximumMessageSize``                            |
    /// | `partitions`, `replication`       | ``newTopics``: missing topics are made, with so many of them                  |
    /// | `timestamps`                      | ``receivesTimestamps``: `true` or `false`                                     |
    /// | `dead-letters`                    | a suffix for ``deadLetters``; empty to drop                                   |
    /// | `retry-topics`                    | ``retryTopics``: `5s,1m,10m`                                                  |
    /// | `property.NAME`                   | the property `NAME` of librdkafka                                             |
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
        try takeSecurity(from: &url)
        try takeTimes(from: &url)
        try takeWork(from: &url)
        for (name, value) in url.takeAll(withPrefix: "property.") { properties[name] = value }
        try url.finish()
        do {
            try validate()
        } catch _ where url.mayHoldSecrets {
            // No part is safe to show, and this error shows none.
            throw url.invalid("url", "not shown", "a URL")
        }
    }

    /// The schemes of URLs that ``init(url:)-(String)`` takes.
    static let schemes = ["kafka", "kafkas"]

    private mutating func takeSecurity(from url: inout TransportURL) throws {
        security.isEncrypted = url.scheme == "kafkas"
        (security.username, security.password) = (url.takeUsername(), try url.takePassword())
        let mechanism = try url.takeChoice(
            "mechanism",
            ["plain": KafkaSecurity.Mechanism.plain, "scram-sha-256": .scramSHA256, "scram-sha-512": .scramSHA512])
        security.mechanism = mechanism ?? (security.username == nil ? nil : .plain)
        guard security.isEncrypted else { return }
        security.caFile = url.take("ca")
        security.certificateFile = url.take("cert")
        security.keyFile = url.take("key")
        security.keyPassword = try url.takeSecret("key-password")
        security.verifies = try url.takeFlag("verify") ?? true
    }

    private mutating func takeTimes(from url: inout TransportURL) throws {
        connectTimeout = try url.takeDuration("connect-timeout") ?? connectTimeout
        deliveryTimeout = try url.takeDuration("delivery-timeout") ?? deliveryTimeout
        sessionTimeout = try url.takeDuration("session-timeout") ?? sessionTimeout
        revokeTimeout = try url.takeDuration("revoke-timeout", atLeast: .zero) ?? revokeTimeout
        transactionTimeout = try url.takeDuration("transaction-timeout") ?? transactionTimeout
        commitInterval = try url.takeDuration("commit-interval") ?? commitInterval
        linger = try url.takeDuration("linger", atLeast: .zero) ?? linger
    }

    private mutating func takeWork(from url: inout TransportURL) throws {
        clientID = url.take("name") ?? clientID
        group = url.take("group")
        member = url.take("member")
        compression =
            try url.takeChoice(
                "compression",
                ["none": Compression.none, "gzip": .gzip, "snappy": .snappy, "lz4": .lz4, "zstd": .zstd]) ?? compression
        maximumPending = try url.takeNumber("maximum-pending") ?? maximumPending
        maximumMessageSize = try url.takeNumber("maximum-message-size") ?? maximumMessageSize
        let (partitions, replication) = (try url.takeNumber("partitions"), try url.takeNumber("replication"))
        if partitions != nil || replication != nil {
            newTopics = KafkaNewTopics(partitions: partitions, replication: replication)
        }
        receivesTimestamps = try url.takeFlag("timestamps") ?? false
        retryTopics = try url.takeDurations("retry-topics")
        if let suffix = url.take("dead-letters") { deadLetters = suffix.isEmpty ? .drop : .topicSuffix(suffix) }
    }
}
