public import Millrace

extension NATSOptions {
    /// Options from a URL; what it does not mention has its default.
    ///
    /// | URL                                     | Meaning                                                          |
    /// | --------------------------------------- | ---------------------------------------------------------------- |
    /// | `nats://first:4222,second`              | servers of a cluster, port 4222 by default                       |
    /// | `natss://...`                           | the same, with TLS                                               |
    /// | `nats://user:password@host`             | authenticates                                                    |
    ///
    /// | Query                              | Option                                                                       |
    /// | ---------------------------------- | ---------------------------------------------------------------------------- |
    /// | `mode`                             | ``mode``: `jetstream` or `core`                                              |
    /// | `password-file`, `password-env`    | a file or a variable with the password                                       |
    /// | `token-file`, `token-env`          | a file or a variable with the ``NATSSecurity/token``                         |
    /// | `credentials`, `nkey`, `seed`      | ``security``: a credentials file; a public NKey and a file with its seed     |
    /// | `ca`, `cert`, `key`, `server-name` | ``security``, with TLS                                                       |
    /// | `verify`                           | ``NATSSecurity/verifies``: `true` or `false`                                 |
    /// | `name`, `group`, `domain`          | ``name``, ``group``, ``domain``                                              |
    /// | `connect-timeout`, `request-timeout`, `publish-timeout`, `ping-interval` | the time-outs of these names: `500ms`, `5s`, `1m` |
    /// | `maximum-pending`, `maximum-waiting` | ``maximumPending``, ``maximumWaiting``                                     |
    /// | `streams`                          | `existing`: missing streams are not made; `create`, the default              |
    /// | `storage`, `retention`, `replicas` | ``newStreams``                                                               |
    /// | `maximum-messages`, `maximum-bytes`, `maximum-age`, `maximum-message-size`, `deduplication-window` | ``newStreams`` |
    /// | `maximum-ack-pending`, `maximum-deliveries`, `inactive-threshold` | ``consumers``                                 |
    /// | `deduplicates`                     | ``deduplicates``: `true` or `false`                                          |
    /// | `attempts-bucket`                  | ``attemptsBucket``; empty for none                                           |
    /// | `dead-letters`                     | a suffix for ``deadLetters``; empty to drop                                  |
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
        mode = try url.takeChoice("mode", ["jetstream": Mode.jetStream, "core": .core]) ?? mode
        try takeSecurity(from: &url)
        try takeWork(from: &url)
        try takeStreams(from: &url)
        try takeConsumers(from: &url)
        try url.finish()
        do {
            try validate()
        } catch _ where url.mayHoldSecrets {
            // No part is safe to show, and this error shows none.
            throw url.invalid("url", "not shown", "a URL")
        }
    }

    /// The schemes of URLs that ``init(url:)-(String)`` takes.
    static let schemes = ["nats", "natss"]

    private mutating func takeSecurity(from url: inout TransportURL) throws {
        security.isEncrypted = url.scheme == "natss"
        (security.username, security.password) = (url.takeUsername(), try url.takePassword())
        security.token = try url.takeSecret("token")
        security.credentialsFile = url.take("credentials")
        (security.nkey, security.seedFile) = (url.take("nkey"), url.take("seed"))
        guard security.isEncrypted else { return }
        (security.caFile, security.certificateFile, security.keyFile) = (url.take("ca"), url.take("cert"), url.take("key"))
        security.serverName = url.take("server-name")
        security.verifies = try url.takeFlag("verify") ?? true
    }

    private mutating func takeWork(from url: inout TransportURL) throws {
        name = url.take("name") ?? name
        group = url.take("group")
        domain = url.take("domain")
        connectTimeout = try url.takeDuration("connect-timeout") ?? connectTimeout
        requestTimeout = try url.takeDuration("request-timeout") ?? requestTimeout
        publishTimeout = try url.takeDuration("publish-timeout") ?? publishTimeout
        pingInterval = try url.takeDuration("ping-interval") ?? pingInterval
        maximumPending = try url.takeNumber("maximum-pending") ?? maximumPending
        maximumWaiting = try url.takeNumber("maximum-waiting") ?? maximumWaiting
        deduplicates = try url.takeFlag("deduplicates") ?? deduplicates
        if let bucket = url.take("attempts-bucket") { attemptsBucket = bucket.isEmpty ? nil : bucket }
        if let suffix = url.take("dead-letters") { deadLetters = suffix.isEmpty ? .drop : .topicSuffix(suffix) }
    }

    private mutating func takeStreams(from url: inout TransportURL) throws {
        guard try url.takeChoice("streams", ["create": true, "existing": false]) ?? true else {
            newStreams = nil
            return
        }
        var streams = NATSNewStreams()
        streams.storage = try url.takeChoice("storage", ["file": .file, "memory": .memory]) ?? streams.storage
        streams.retention =
            try url.takeChoice("retention", ["limits": .limits, "interest": .interest, "workqueue": .workQueue])
            ?? streams.retention
        streams.replicas = try url.takeNumber("replicas", in: 1...5) ?? streams.replicas
        streams.maximumMessages = try url.takeNumber("maximum-messages")
        streams.maximumBytes = try url.takeNumber("maximum-bytes")
        streams.maximumAge = try url.takeDuration("maximum-age")
        streams.maximumMessageSize = try url.takeNumber("maximum-message-size")
        streams.deduplicationWindow = try url.takeDuration("deduplication-window") ?? streams.deduplicationWindow
        newStreams = streams
    }

    private mutating func takeConsumers(from url: inout TransportURL) throws {
        consumers.maximumAckPending = try url.takeNumber("maximum-ack-pending") ?? consumers.maximumAckPending
        consumers.maximumDeliveries = try url.takeNumber("maximum-deliveries")
        consumers.inactiveThreshold = try url.takeDuration("inactive-threshold")
    }
}
