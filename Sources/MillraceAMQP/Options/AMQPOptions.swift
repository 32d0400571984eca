/// Where an AMQP transport connects, as whom, and how it works there.
public struct AMQPOptions: Sendable, Hashable {
    /// Where rejected messages go.
    public enum DeadLetters: Sendable, Hashable {
        /// To the topic whose name is that of the original with this suffix, with the record of why.
        case topicSuffix(String)
        /// Where the broker sends what is rejected: to the queue's dead-letter exchange, if it has one, without the reason.
        case broker
        /// Nowhere: they are dropped, and reported.
        case drop
    }

    /// Brokers of one cluster, tried in order. Defaults to port 5672 of this machine; at least one.
    public var servers: [AMQPEndpoint]
    /// The user. Defaults to `guest`.
    public var username: String
    /// The password, which no description and no error ever shows. Defaults to `guest`.
    public var password: String
    /// The virtual host. Defaults to `/`.
    public var virtualHost: String
    /// Encryption. Defaults to nil: none.
    public var tls: AMQPTLS?
    /// What the broker shows as the name of the connections. Defaults to `millrace`.
    public var connectionName: String
    /// After two of these without a sign of life either side gives the connection up. Defaults to 20 seconds; whole seconds, 1 to
    /// 3,600.
    public var heartbeat: Duration
    /// How long connecting to a server may take, and logging in as well. Defaults to 10 seconds; 1 millisecond to 1 hour.
    public var connectTimeout: Duration
    /// The longest pause between two attempts to connect; the first ones come sooner. Defaults to 5 seconds; at least 100
    /// milliseconds.
    public var maximumReconnectDelay: Duration
    /// How long a message may wait to be sent and confirmed. Defaults to 30 seconds; at least 100 milliseconds.
    public var publishTimeout: Duration
    /// How many published messages may be on their way or wait to be sent; publishers wait for room. Defaults to 65,536; at
    /// least 1.
    public var maximumPending: Int
    /// How many messages may be sent before the broker confirms the first of them. Defaults to 2,048; 1 to 65,536.
    public var confirmWindow: Int
    /// The largest payload, in bytes. Brokers have a bound of their own, and close the channel of who exceeds it. Defaults to 128
    /// MiB, as theirs does; at least 1.
    public var maximumMessageSize: Int
    /// The exchanges and queues. Defaults to ``AMQPTopology/publishSubscribe``.
    public var topology: AMQPTopology
    /// The consumer group of subscriptions that name none. Defaults to nil: they get a queue of their own.
    public var group: String?
    /// Defaults to the suffix `.dead-letter`.
    public var deadLetters: DeadLetters
    /// Whether attempts include how often a quorum queue says that it has handed out a message before, so that one on which
    /// processes crash is recognised. Before RabbitMQ 4.3 it also counts what a member had fetched and gave back when it was closed.
    /// Defaults to false.
    public var countsReturns: Bool

    /// Options with the given values. They are checked when a transport is made with them.
    public init(
        servers: [AMQPEndpoint] = [AMQPEndpoint(host: "localhost")], username: String = "guest", password: String = "guest",
        virtualHost: String = "/", tls: AMQPTLS? = nil, connectionName: String = "millrace", heartbeat: Duration = .seconds(20),
        connectTimeout: Duration = .seconds(10), maximumReconnectDelay: Duration = .seconds(5),
        publishTimeout: Duration = .seconds(30), maximumPending: Int = 65_536, confirmWindow: Int = 2_048,
        maximumMessageSize: Int = 128 << 20, topology: AMQPTopology = .publishSubscribe, group: String? = nil,
        deadLetters: DeadLetters = .topicSuffix(".dead-letter"), countsReturns: Bool = false
    ) {
        self.servers = servers
        self.username = username
        self.password = password
        self.virtualHost = virtualHost
        self.tls = tls
        self.connectionName = connectionName
        self.heartbeat = heartbeat
        self.connectTimeout = connectTimeout
        self.maximumReconnectDelay = maximumReconnectDelay
        self.publishTimeout = publishTimeout
        self.maximumPending = maximumPending
        self.confirmWindow = confirmWindow
        self.maximumMessageSize = maximumMessageSize
        self.topology = topology
        self.group = group
        self.deadLetters = deadLetters
        self.countsReturns = countsReturns
    }
}

extension AMQPOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where it connects, and whether it is encrypted. Never user nor password.
    public var description: String {
        "AMQP at \(servers.map(\.description).joined(separator: ","))\(tls == nil ? "" : ", TLS")"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
