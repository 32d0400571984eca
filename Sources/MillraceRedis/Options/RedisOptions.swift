/// Where a Redis transport connects, as whom, and how it works there.
public struct RedisOptions: Sendable, Hashable {
    /// Where rejected messages go.
    public enum DeadLetters: Sendable, Hashable {
        /// To the topic whose name is that of the original with this suffix.
        case topicSuffix(String)
        /// Nowhere: they are dropped, and reported.
        case drop
    }

    /// Where the server listens; with several they are tried in order. Not used with ``sentinels``. Defaults to
    /// `localhost:6379`; at least one.
    public var endpoints: [RedisEndpoint]
    /// The user to authenticate as. Defaults to nil: the server's default user. Needs a ``password``.
    public var username: String?
    /// The password, which no description and no error ever shows. Defaults to nil: no authentication.
    public var password: String?
    /// The number of the database. Defaults to 0.
    public var database: Int
    /// What the server's list of clients shows, in printable ASCII without spaces. Defaults to nil: nothing.
    public var clientName: String?
    /// Encryption. Defaults to nil: none.
    public var tls: RedisTLS?
    /// The Sentinels to ask for the server. Defaults to nil: ``endpoints`` are the servers.
    public var sentinels: RedisSentinels?
    /// How long connecting may take, with encryption and authentication. Defaults to 5 seconds; at least 1 millisecond.
    public var connectTimeout: Duration
    /// How long the server may take to answer a command. Defaults to 30 seconds; at least 1 millisecond.
    public var commandTimeout: Duration
    /// How many published messages may be on their way; publishers wait for room. Defaults to 16,384; at least 1.
    public var maximumPending: Int
    /// How often entries are looked for whose consumer has let their lease run out. Defaults to 1 second; at least
    /// 1 millisecond.
    public var claimInterval: Duration
    /// The consumer group of subscriptions that name none. Defaults to nil: they get a copy of their own.
    public var group: String?
    /// The name of this process within its consumer groups, which no other process may have at the same time. What a process of
    /// that name had when it died is taken up again at once. Defaults to nil: a new one for each transport.
    public var consumer: String?
    /// Defaults to the suffix `.dead-letter`.
    public var deadLetters: DeadLetters
    /// What streams keep of what was published. Defaults to everything.
    public var retention: RedisRetention

    /// Options with the given values. They are checked when a transport is made with them.
    public init(
        endpoints: [RedisEndpoint] = [.tcp(host: "localhost")], username: String? = nil, password: String? = nil,
        database: Int = 0, clientName: String? = nil, tls: RedisTLS? = nil, sentinels: RedisSentinels? = nil,
        connectTimeout: Duration = .seconds(5), commandTimeout: Duration = .seconds(30), maximumPending: Int = 16_384,
        claimInterval: Duration = .seconds(1), group: String? = nil, consumer: String? = nil,
        deadLetters: DeadLetters = .topicSuffix(".dead-letter"), retention: RedisRetention = RedisRetention()
    ) {
        self.endpoints = endpoints
        self.username = username
        self.password = password
        self.database = database
        self.clientName = clientName
        self.tls = tls
        self.sentinels = sentinels
        self.connectTimeout = connectTimeout
        self.commandTimeout = commandTimeout
        self.maximumPending = maximumPending
        self.claimInterval = claimInterval
        self.group = group
        self.consumer = consumer
        self.deadLetters = deadLetters
        self.retention = retention
    }
}

extension RedisOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where it connects: servers, database, and whether encrypted. Never the password, nor the user.
    public var description: String {
        let servers = (sentinels?.endpoints ?? endpoints).map(\.description).joined(separator: ",")
        let primary = sentinels.map { ", primary '\($0.primary)'" } ?? ""
        return "Redis at \(servers)\(primary), database \(database)\(tls == nil ? "" : ", TLS")"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
