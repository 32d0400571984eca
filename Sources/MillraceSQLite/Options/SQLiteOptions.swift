import Millrace

/// Which file a SQLite transport works with, and how.
public struct SQLiteOptions: Sendable, Hashable {
    /// When a commit is on disk.
    public enum Synchronous: String, Sendable, Hashable, Codable {
        /// What was accepted has been flushed to the disk: it survives a power failure.
        case full
        /// What was accepted survives the end of the process, but the last moments may be lost when the machine loses power. The
        /// file stays usable in any case. Many times faster where flushes are slow.
        case normal
    }

    /// Where rejected messages go.
    public enum DeadLetters: Sendable, Hashable {
        /// To the topic whose name is that of the original with this suffix.
        case topicSuffix(String)
        /// Nowhere: they are dropped, and reported.
        case drop
    }

    /// The path of the file, on a disk of this machine: neither a network file system nor memory will do.
    public var path: String
    /// Whether to make the file when it is not there. Defaults to true.
    public var createsFile: Bool
    /// When a commit is on disk. Defaults to ``Synchronous/full``.
    public var synchronous: Synchronous
    /// How long to wait for a lock that another connection has. Defaults to 10 seconds; at least 1 millisecond.
    public var busyTimeout: Duration
    /// How often to look whether another process, or a connection of yours, has changed the file; only done while a subscription
    /// waits. It is the longest that a message from there takes to be noticed. Defaults to 25 milliseconds; at least
    /// 1 millisecond.
    public var pollInterval: Duration
    /// How often to look for members that have died, for scheduled messages of processes that are gone, and for what retention
    /// has to delete. Defaults to 1 second; at least 1 millisecond.
    public var careInterval: Duration
    /// How many published messages may wait for their commit; publishers wait for room. Defaults to 16,384; at least 1.
    public var maximumPending: Int
    /// How large the file may grow, in bytes, without its write-ahead log; what does not fit is refused. Defaults to nil: as
    /// large as the disk. At least 65,536.
    public var maximumSize: Int?
    /// The consumer group of subscriptions that name none. Defaults to nil: they get a copy of their own.
    public var group: String?
    /// Defaults to the suffix `.dead-letter`.
    public var deadLetters: DeadLetters
    /// What topics keep of what was published. Defaults to everything.
    public var retention: SQLiteRetention
    /// For how long inboxes remember what they have seen, see `SQLiteTransaction.once(_:for:_:)`. Defaults to 7 days; at least
    /// 1 second.
    public var inboxAge: Duration

    /// Options with the given values. They are checked when a transport is made with them.
    public init(
        path: String, createsFile: Bool = true, synchronous: Synchronous = .full, busyTimeout: Duration = .seconds(10),
        pollInterval: Duration = .milliseconds(25), careInterval: Duration = .seconds(1), maximumPending: Int = 16_384,
        maximumSize: Int? = nil, group: String? = nil, deadLetters: DeadLetters = .topicSuffix(".dead-letter"),
        retention: SQLiteRetention = SQLiteRetention(), inboxAge: Duration = .seconds(7 * 24 * 3_600)
    ) {
        self.path = path
        self.createsFile = createsFile
        self.synchronous = synchronous
        self.busyTimeout = busyTimeout
        self.pollInterval = pollInterval
        self.careInterval = careInterval
        self.maximumPending = maximumPending
        self.maximumSize = maximumSize
        self.group = group
        self.deadLetters = deadLetters
        self.retention = retention
        self.inboxAge = inboxAge
    }
}
