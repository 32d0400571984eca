/// Where a Kafka transport connects, as whom, and how it works there.
public struct KafkaOptions: Sendable, Hashable {
    /// Where rejected messages go.
    public enum DeadLetters: Sendable, Hashable {
        /// To the topic whose name is that of the original with this suffix.
        case topicSuffix(String)
        /// Nowhere: they are dropped, and reported.
        case drop
    }

    /// How batches of messages are compressed on the wire and in the broker.
    public enum Compression: String, Sendable, Hashable, CaseIterable {
        /// Not at all.
        case none
        /// DEFLATE, as in gzip.
        case gzip
        /// Snappy: little work, little gain.
        case snappy
        /// LZ4: little work, more gain.
        case lz4
        /// Zstandard: more work, most gain.
        case zstd
    }

    /// Brokers to ask for the rest of the cluster, each a `host:port`. Defaults to `localhost:9092`; at least one.
    public var servers: [String]
    /// What brokers show in their logs and quotas. Defaults to `millrace`.
    public var clientID: String
    /// Encryption and authentication. Defaults to none.
    public var security: KafkaSecurity
    /// How long connecting may take, and how long to wait for a topic that is being made. Defaults to 10 seconds; at least
    /// 1 millisecond.
    public var connectTimeout: Duration
    /// How long a message may be on its way to the broker, with all attempts. Defaults to 30 seconds; at least 10 milliseconds.
    public var deliveryTimeout: Duration
    /// How many published messages may be on their way; publishers wait for room. Defaults to 65,536; 1 to 1,000,000.
    public var maximumPending: Int
    /// How long to wait for more messages before a batch is sent. Defaults to zero: while a batch is on its way, what comes
    /// gathers anyway. At most 15 minutes.
    public var linger: Duration
    /// Defaults to none.
    public var compression: Compression
    /// The largest message, with its metadata, that is given to the broker, in bytes. Brokers have a bound of their own. Defaults
    /// to 1,048,588, as theirs does; 1,000 to 1,000,000,000.
    public var maximumMessageSize: Int
    /// After how long the group gives up a member that is silent. Defaults to 45 seconds; brokers allow 6 seconds to 30 minutes
    /// by default.
    public var sessionTimeout: Duration
    /// How long handlers may go on with messages of a partition that goes to another member; after that it goes, and they are
    /// handed out again there. Defaults to 10 seconds. Less than ``sessionTimeout``.
    public var revokeTimeout: Duration
    /// How often progress is committed. Defaults to half a second; at least 1 millisecond.
    public var commitInterval: Duration
    /// How long a transaction may take; after that brokers give up what a process has left open when it ended. Defaults to
    /// 10 seconds; 1 second to 15 minutes, which brokers allow by default.
    public var transactionTimeout: Duration
    /// The consumer group of subscriptions that name none. Defaults to nil: they get a copy of their own.
    public var group: String?
    /// The name of this process within its consumer groups, which no other process may have at the same time. A process that
    /// comes back under it within ``sessionTimeout`` gets its partitions back, and the others keep theirs. Defaults to nil.
    public var member: String?
    /// Defaults to the suffix `.dead-letter`.
    public var deadLetters: DeadLetters
    /// After how long messages come back that were sent to topics for retries. Defaults to none: `retry(after:)` is held by the
    /// process.
    ///
    /// With `[.seconds(5), .seconds(60)]`, a message of `orders` that is to be tried again after a minute or more goes to
    /// `orders.retry.1m`, one after five seconds or more to `orders.retry.5s`; what is left of the delay, and shorter ones, are held
    /// by the process. Groups share these topics and take their own messages. Used by groups that do not ask for an order,
    /// since later messages pass by; patterns and transactions do not use them. At most 16, each once, 1 millisecond to 7 days.
    ///
    /// Nothing may be deleted in them before it is due. With ``newTopics`` they are made without compaction, and with `retention.ms=-1`, or
    /// the delay and the `retention.ms` of its configuration.
    public var retryTopics: [Duration]
    /// How to make topics that are missing. Defaults to nil: it is left to the broker, which may or may not do it.
    public var newTopics: KafkaNewTopics?
    /// Whether received messages carry the record's time, in milliseconds since 1970, under ``KafkaMetadata/timestamp``.
    /// Defaults to false.
    public var receivesTimestamps: Bool
    /// Any other properties of librdkafka, by name; they win over what the rest of these options says, except for those that the
    /// transport could not work without. See its `CONFIGURATION.md`. Defaults to none.
    public var properties: [String: String]

    /// Options with the given values. They are checked when a transport is made with them.
    public init(
        servers: [String] = ["localhost:9092"], clientID: String = "millrace", security: KafkaSecurity = KafkaSecurity(),
        connectTimeout: Duration = .seconds(10), deliveryTimeout: Duration = .seconds(30), maximumPending: Int = 65_536,
        linger: Duration = .zero, compression: Compression = .none, maximumMessageSize: Int = 1_048_588,
        sessionTimeout: Duration = .seconds(45), revokeTimeout: Duration = .seconds(10),
        commitInterval: Duration = .milliseconds(500), transactionTimeout: Duration = .seconds(10), group: String? = nil,
        member: String? = nil,
        deadLetters: DeadLetters = .topicSuffix(".dead-letter"), retryTopics: [Duration] = [], newTopics: KafkaNewTopics? = nil,
        receivesTimestamps: Bool = false, properties: [String: String] = [:]
    ) {
        self.servers = servers
        self.clientID = clientID
        self.security = security
        self.connectTimeout = connectTimeout
        self.deliveryTimeout = deliveryTimeout
        self.maximumPending = maximumPending
        self.linger = linger
        self.compression = compression
        self.maximumMessageSize = maximumMessageSize
        self.sessionTimeout = sessionTimeout
        self.revokeTimeout = revokeTimeout
        self.commitInterval = commitInterval
        self.transactionTimeout = transactionTimeout
        self.group = group
        self.member = member
        self.deadLetters = deadLetters
        self.retryTopics = retryTopics
        self.newTopics = newTopics
        self.receivesTimestamps = receivesTimestamps
        self.properties = properties
    }
}

extension KafkaOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where it connects, and how it is protected. Never a user, a password, nor any of ``properties``.
    public var description: String { "Kafka at \(servers.joined(separator: ","))\(security.isEncrypted ? ", TLS" : "")" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
