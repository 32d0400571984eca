public import Millrace

extension AMQPOptions {
    /// Options from a URL; what it does not mention has its default.
    ///
    /// | URL                                    | Meaning                                                            |
    /// | -------------------------------------- | ------------------------------------------------------------------ |
    /// | `amqp://user:password@host:5672/vhost` | every part but `amqp://` may be left out; no path, or `/` alone, is the virtual host `/` |
    /// | `amqp://first,second:5673,[::1]`       | several servers of one cluster, tried in order                     |
    /// | `amqps://...`                          | the same with TLS, port 5671 by default                            |
    ///
    /// | Query                           | Option                                                                       |
    /// | ------------------------------- | ---------------------------------------------------------------------------- |
    /// | `password-file`, `password-env` | a file or a variable with the ``password``                                   |
    /// | `ca`, `cert`, `key`             | files of ``tls``                                                             |
    /// | `verify`                        | the ``AMQPTLS/verifies`` of ``tls``: `true` or `false`                       |
    /// | `name`                          | ``connectionName``                                                           |
    /// | `group`                         | ``group``                                                                    |
    /// | `heartbeat`, `connect-timeout`, `publish-timeout` | the times of these names: `500ms`, `5s`, `1m`              |
    /// | `maximum-reconnect-delay`       | ``maximumReconnectDelay``                                                    |
    /// | `maximum-pending`, `confirm-window`, `maximum-message-size` | the numbers of these names                       |
    /// | `topology`                      | `publish-subscribe`, the default, `queue` or `topic`                         |
    /// | `exchange`                      | the exchange of `topology=topic`                                             |
    /// | `queue-type`                    | ``AMQPTopology/queueType``: `classic` or `quorum`                            |
    /// | `durable`                       | ``AMQPTopology/isDurable``: `true` or `false`                                |
    /// | `declare`                       | ``AMQPTopology/declares``: `true`, or `false` for what is there already      |
    /// | `single-active-consumer`        | ``AMQPTopology/hasSingleActiveConsumer``: `true` or `false`                  |
    /// | `priorities`                    | ``AMQPTopology/priorities``                                                  |
    /// | `delivery-limit`                | ``AMQPTopology/deliveryLimit``                                               |
    /// | `require-route`                 | ``AMQPTopology/requiresRoute``: `true` or `false`                            |
    /// | `dead-letter-exchange`          | ``AMQPTopology/deadLetterExchange``                                          |
    /// | `dead-letters`                  | a suffix for ``deadLetters``; empty to drop, `broker:` to leave it to the broker |
    /// | `count-returns`                 | ``countsReturns``: `true` or `false`                                         |
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
        servers = try url.takeHosts(defaultPort: isEncrypted ? 5671 : 5672).map { AMQPEndpoint(host: $0.name, port: $0.port) }
        username = url.takeUsername() ?? username
        password = try url.takePassword() ?? password
        let path = url.takePath()
        if path.count > 1 { virtualHost = String(path.dropFirst()) }
        if isEncrypted { try takeTLS(from: &url) }
        try takeWork(from: &url)
        try takeTopology(from: &url)
        try url.finish()
        do {
            try validate()
        } catch _ where url.mayHoldSecrets {
            // No part is safe to show, and this error shows none.
            throw url.invalid("url", "not shown", "a URL")
        }
    }

    /// The schemes of URLs that ``init(url:)-(String)`` takes.
    static let schemes = ["amqp", "amqps"]

    private mutating func takeTLS(from url: inout TransportURL) throws {
        tls = AMQPTLS(
            caFile: url.take("ca"), certificateFile: url.take("cert"), keyFile: url.take("key"),
            verifies: try url.takeFlag("verify") ?? true)
    }

    private mutating func takeWork(from url: inout TransportURL) throws {
        connectionName = url.take("name") ?? connectionName
        group = url.take("group")
        heartbeat = try url.takeDuration("heartbeat") ?? heartbeat
        connectTimeout = try url.takeDuration("connect-timeout") ?? connectTimeout
        publishTimeout = try url.takeDuration("publish-timeout") ?? publishTimeout
        maximumReconnectDelay = try url.takeDuration("maximum-reconnect-delay") ?? maximumReconnectDelay
        maximumPending = try url.takeNumber("maximum-pending") ?? maximumPending
        confirmWindow = try url.takeNumber("confirm-window") ?? confirmWindow
        maximumMessageSize = try url.takeNumber("maximum-message-size") ?? maximumMessageSize
        countsReturns = try url.takeFlag("count-returns") ?? false
        switch url.take("dead-letters") {
        case nil: break
        case "": deadLetters = .drop
        case "broker:": deadLetters = .broker
        case let suffix?: deadLetters = .topicSuffix(suffix)
        }
    }

    private mutating func takeTopology(from url: inout TransportURL) throws {
        enum Preset { case publishSubscribe, queue, topic }
        let preset = try url.takeChoice(
            "topology", ["publish-subscribe": Preset.publishSubscribe, "queue": .queue, "topic": .topic])
        let exchange = url.take("exchange")
        switch preset ?? .publishSubscribe {
        case .publishSubscribe: topology = .publishSubscribe
        case .queue: topology = .queue
        case .topic:
            guard let exchange else { throw url.invalid("exchange", "nil", "given: the name of the topic exchange") }
            topology = .topic(exchange: exchange)
        }
        if exchange != nil, preset != .topic {
            throw url.invalid("exchange", "given", "left out: only topology=topic has one exchange for all topics")
        }
        topology.queueType =
            try url.takeChoice("queue-type", ["classic": AMQPTopology.QueueType.classic, "quorum": .quorum]) ?? .classic
        topology.isDurable = try url.takeFlag("durable") ?? true
        topology.declares = try url.takeFlag("declare") ?? true
        topology.hasSingleActiveConsumer = try url.takeFlag("single-active-consumer") ?? false
        topology.priorities = try url.takeNumber("priorities")
        topology.deliveryLimit = try url.takeNumber("delivery-limit")
        topology.requiresRoute = try url.takeFlag("require-route") ?? topology.requiresRoute
        topology.deadLetterExchange = url.take("dead-letter-exchange")
    }
}
