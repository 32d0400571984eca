public import Millrace
import MillraceTransportKit

/// Topics on RabbitMQ 3.8 and later, by AMQP 0-9-1.
///
/// What a topic and a consumer group are there is said by an ``AMQPTopology``: by default an exchange for each topic, and a queue for
/// each group. Messages have the layout of Watermill, so that services in Go can share them.
///
/// ```swift
/// let broker = try await AMQPTransport(AMQPOptions(url: "amqp://127.0.0.1:5672"))
/// try await broker.publish(Message(text: "hello"), to: "greetings")
/// ```
public final class AMQPTransport: Transport {
    let options: AMQPOptions
    let clock: any SchedulingClock
    let observers: AttachableObservers
    let random = RandomSource()
    let publisher: AMQPPublisher
    /// Consumers share a connection; publishing has another one, which the broker may hold up by itself.
    let consuming: AMQPConnection
    let declarer: AMQPDeclarer
    private let publishing: AMQPConnection
    private let subscriptions = OpenSubscriptions<AMQPSubscription>()
    /// Queues that this transport has declared, by topic.
    let queues = Lock<[String: Set<String>]>([:])

    /// Connects to a broker.
    ///
    /// - Parameters:
    ///   - options: Where the broker is, and how to treat it.
    ///   - clock: What delays and leases are measured by.
    ///   - observers: Are told of connections, expired leases and late settlements.
    /// - Throws: A `MillraceError`: `invalidOption`; `connectionFailed` when no server can be reached within the connect time-out,
    ///   or none accepts the user.
    public init(
        _ options: AMQPOptions, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        try options.validate()
        self.options = options
        self.clock = clock
        self.observers = AttachableObservers(observers)
        publishing = try AMQPConnection(
            options, role: "publishing", clock: clock, random: random, observers: self.observers)
        consuming = try AMQPConnection(
            options, role: "consuming", clock: clock, random: random, observers: self.observers)
        publisher = AMQPPublisher(options, connection: publishing, observers: self.observers)
        declarer = AMQPDeclarer(consuming, options, self.observers)
        publishing.add(publisher.declarer)
        publishing.add(publisher)
        consuming.add(declarer)
        do {
            try await publishing.open()
            try await consuming.open()
        } catch {
            await publishing.close()
            await consuming.close()
            throw error
        }
    }

    /// Connects to the broker that a URL names: `amqp://user:password@host:port/vhost`, `amqps://` for TLS.
    public convenience init(
        url: String, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        try await self.init(AMQPOptions(url: url), clock: clock, observers: observers)
    }

    deinit {
        publishing.abandon()
        consuming.abandon()
    }

    /// `rabbitmq`.
    public var system: String { "rabbitmq" }

    /// Durable, unless the topology is not, with groups, leases, attempts, and retries that wait in the broker. Keys keep their order
    /// within a subscription. Where a queue has a single active consumer, they keep it across all members of a group, and a lease that
    /// has run out leads back to the same member.
    public var capabilities: Capabilities { options.capabilities }

    /// Has an observer told of connections, expired leases and the like as well.
    public func attach(_ observer: any Observer & AnyObject) { observers.attach(observer) }

    // MARK: Publish

    /// Publishes messages, and returns when the broker has confirmed them. Calls of all tasks share one channel, and wait for none of
    /// the others. See `Publisher`.
    public func publish(_ messages: [Message], to topic: String) async throws {
        try check(topic)
        let limit = publisher.headerLimit
        for message in messages {
            try AMQPLayout.check(message, maximumSize: options.maximumMessageSize, headers: limit)
        }
        guard !messages.isEmpty else { return }
        try subscriptions.checkOpen()
        try await publisher.publish(messages, to: topic)
    }

    /// Names that begin with `amq.` are the broker's own: they are there, or will never be.
    private func check(_ topic: String) throws {
        try Naming.checkTopic(topic)
        guard !topic.hasPrefix("amq.") || !options.topology.declares else {
            throw MillraceError(
                .invalidTopic, "topic '\(topic)': names that begin with 'amq.' are the broker's own", isRetriable: false)
        }
    }

    // MARK: Subscribe

    /// Declares a topic's exchange, and the queue of the group.
    public func prepare(topic: String, group: String?) async throws {
        try check(topic)
        try SubscriptionOptions(group: group).validate()
        try subscriptions.checkOpen()
        guard let group else { return try await declarer.declare(options.declarations(for: topic)) }
        let queue = options.queue(for: topic, group: group)
        try await declarer.declare(queue.declarations)
        note(queue, of: topic)
    }

    /// Opens a subscription on a channel of its own. A group that is new begins with what is published from now on. See `Subscriber`.
    public func subscribe(to topic: String, _ options: SubscriptionOptions = .init()) async throws -> any Subscription {
        try check(topic)
        try options.validate()
        try subscriptions.checkOpen()
        var options = options
        options.group = options.group ?? self.options.group
        if let start = options.start, start.isArbitrary(inGroup: options.group != nil) {
            throw MillraceError(
                .unsupported, "topic '\(topic)': start is \(start), and queues keep nothing from before they were declared",
                isRetriable: false)
        }
        let queue = self.options.queue(for: topic, group: options.group)
        let subscription = AMQPSubscription(self, topic: topic, options, queue)
        do {
            try await subscription.start()
            try subscriptions.add(subscription)
        } catch {
            await subscription.close()
            throw error
        }
        note(queue, of: topic)
        return subscription
    }

    private func note(_ queue: AMQPQueue, of topic: String) {
        guard !queue.isTemporary else { return }
        queues.withLock { _ = $0[topic, default: []].insert(queue.name) }
    }

    // MARK: End

    /// Closes all subscriptions and connections; what was taken and not settled goes back to its queues. Waits for publishers whose
    /// messages are on their way, up to the connect time-out.
    public func close() async {
        await subscriptions.close { open in
            await withDiscardingTaskGroup { group in
                for subscription in open { group.addTask { await subscription.close() } }
            }
            await publisher.close()
            await publishing.close()
            await consuming.close()
        }
    }
}
