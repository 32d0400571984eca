/// How streams are made for topics that have none.
public struct NATSNewStreams: Sendable, Hashable {
    /// Where a stream's messages are.
    public enum Storage: String, Sendable, Hashable, CaseIterable {
        /// On disk.
        case file
        /// In the server's memory: gone when it ends.
        case memory
    }

    /// When messages leave a stream.
    public enum Retention: String, Sendable, Hashable, CaseIterable {
        /// When one of its limits is reached.
        case limits
        /// When all consumer groups that there are have acknowledged them.
        case interest
        /// When they are acknowledged: a topic can have one consumer group.
        case workQueue = "workqueue"
    }

    /// Further subjects of each new stream, beside its topic. Defaults to none.
    public var subjects: [String]
    /// Defaults to ``Storage/file``.
    public var storage: Storage
    /// Defaults to ``Retention/limits``.
    public var retention: Retention
    /// On how many servers of a cluster a stream is kept. Defaults to 1; 1 to 5.
    public var replicas: Int
    /// How many messages a stream keeps; the oldest go. Defaults to nil: any number. At least 1.
    public var maximumMessages: Int?
    /// How many bytes a stream keeps; the oldest messages go. Defaults to nil: any number. At least 1.
    public var maximumBytes: Int?
    /// How long a stream keeps messages. Defaults to nil: for ever. At least 100 milliseconds.
    public var maximumAge: Duration?
    /// The largest message, with its headers, in bytes. Defaults to nil: what the server allows. At least 1.
    public var maximumMessageSize: Int?
    /// For how long a stream knows the ids of messages, so that one that is published again is not stored again. Defaults to 2
    /// minutes; at least 100 milliseconds.
    public var deduplicationWindow: Duration

    /// New streams with the given values.
    public init(
        subjects: [String] = [], storage: Storage = .file, retention: Retention = .limits, replicas: Int = 1,
        maximumMessages: Int? = nil, maximumBytes: Int? = nil, maximumAge: Duration? = nil, maximumMessageSize: Int? = nil,
        deduplicationWindow: Duration = .seconds(120)
    ) {
        self.subjects = subjects
        self.storage = storage
        self.retention = retention
        self.replicas = replicas
        self.maximumMessages = maximumMessages
        self.maximumBytes = maximumBytes
        self.maximumAge = maximumAge
        self.maximumMessageSize = maximumMessageSize
        self.deduplicationWindow = deduplicationWindow
    }
}
