import Millrace

/// Where a NATS transport connects, as whom, and how it works there.
public struct NATSOptions: Sendable, Hashable {
    /// Which of NATS' two ways to carry messages.
    public enum Mode: String, Sendable, Hashable, CaseIterable {
        /// By JetStream: kept, shared by groups, acknowledged.
        case jetStream = "jetstream"
        /// By core NATS: at most once, for those that are there.
        case core
    }

    /// Where rejected messages go.
    public enum DeadLetters: Sendable, Hashable {
        /// To the topic whose name is that of the original with this suffix; of a topic with wildcards, see the documentation.
        case topicSuffix(String)
        /// Nowhere: they are dropped, and reported.
        case drop
    }

    /// Servers of a cluster, each a `host:port`; the others are found by themselves. Defaults to `localhost:4222`; at least one.
    public var servers: [String]
    /// Defaults to ``Mode/jetStream``.
    public var mode: Mode
    /// What servers show in their list of connections. Defaults to `millrace`.
    public var name: String
    /// Encryption and authentication. Defaults to none.
    public var security: NATSSecurity
    /// How long connecting to a server may take. Defaults to 5 seconds; at least 1 millisecond.
    public var connectTimeout: Duration
    /// How long an answer about streams and consumers may take. Defaults to 5 seconds; at least 10 milliseconds.
    public var requestTimeout: Duration
    /// How long a message may be on its way, with all reconnects. Defaults to 30 seconds; at least 10 milliseconds.
    public var publishTimeout: Duration
    /// How often a silent server is asked whether it is there; the third time without an answer ends the connection. Defaults to
    /// 10 seconds; at least 10 milliseconds.
    public var pingInterval: Duration
    /// How many published messages may be on their way; publishers wait for room. Defaults to 16,384; 1 to 1,000,000.
    public var maximumPending: Int
    /// With core NATS: how many messages wait for a subscription that has no room; more are dropped, and reported. Defaults to
    /// 65,536; at least 1.
    public var maximumWaiting: Int
    /// The consumer group of subscriptions that name none. Defaults to nil: they get a copy of their own.
    public var group: String?
    /// Defaults to the suffix `.dead-letter`.
    public var deadLetters: DeadLetters
    /// How to make streams that are missing; nil for not at all. Defaults to files without limits.
    public var newStreams: NATSNewStreams?
    /// How to make the consumers of groups.
    public var consumers: NATSConsumers
    /// Whether messages carry what the server needs to recognise those of a topic that it has already: id and a hash of topic, key and
    /// payload. Defaults to true.
    public var deduplicates: Bool
    /// The JetStream domain to work in. Defaults to nil: the server's own.
    public var domain: String?
    /// The key-value bucket that knows which deliveries do not count as attempts; it is made when it is needed. Nil for none: then
    /// what a member gives back when it closes counts as attempted. Defaults to `millrace`.
    public var attemptsBucket: String?

    /// Options with the given values. They are checked when a transport is made with them.
    public init(
        servers: [String] = ["localhost:4222"], mode: Mode = .jetStream, name: String = "millrace",
        security: NATSSecurity = NATSSecurity(), connectTimeout: Duration = .seconds(5),
        requestTimeout: Duration = .seconds(5), publishTimeout: Duration = .seconds(30),
        pingInterval: Duration = .seconds(10), maximumPending: Int = 16_384, maximumWaiting: Int = 65_536,
        group: String? = nil, deadLetters: DeadLetters = .topicSuffix(".dead-letter"),
        newStreams: NATSNewStreams? = NATSNewStreams(), consumers: NATSConsumers = NATSConsumers(),
        deduplicates: Bool = true, domain: String? = nil, attemptsBucket: String? = "millrace"
    ) {
        self.servers = servers
        self.mode = mode
        self.name = name
        self.security = security
        self.connectTimeout = connectTimeout
        self.requestTimeout = requestTimeout
        self.publishTimeout = publishTimeout
        self.pingInterval = pingInterval
        self.maximumPending = maximumPending
        self.maximumWaiting = maximumWaiting
        self.group = group
        self.deadLetters = deadLetters
        self.newStreams = newStreams
        self.consumers = consumers
        self.deduplicates = deduplicates
        self.domain = domain
        self.attemptsBucket = attemptsBucket
    }
}

extension NATSOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where it connects, and how it is protected. Never a user nor a secret.
    public var description: String { "NATS at \(servers.joined(separator: ","))\(security.isEncrypted ? ", TLS" : "")" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
