public import Millrace
import MillraceTransportKit

/// Topics of Apache Kafka, and of whatever speaks its protocol, by librdkafka 2.0 and later.
///
/// A consumer group is Kafka's group of that name; its members share a topic's partitions. Records have the layout of
/// Watermill, so that services in Go can share them.
///
/// ```swift
/// let broker = try await KafkaTransport(KafkaOptions(servers: ["localhost:9092"]))
/// try await broker.publish(Message(text: "hello"), to: "greetings")
/// ```
public final class KafkaTransport: Transport {
    let options: KafkaOptions
    let clock: any SchedulingClock
    let observers: AttachableObservers
    let producer: KafkaProducer
    private let loop: EventLoop
    private let subscriptions = OpenSubscriptions<KafkaSubscription>()
    let catalog: KafkaCatalog
    private let transactionalIDs: TransactionalIDs
    var openSubscriptions: [KafkaSubscription] { subscriptions.all }

    /// Connects to a cluster.
    ///
    /// - Parameters:
    ///   - options: Where the cluster is, and how to treat it.
    ///   - clock: What delays and leases are measured by.
    ///   - observers: Are told of connections, expired leases and late settlements.
    /// - Throws: A `MillraceError`: `invalidOption`; `connectionFailed` when no broker can be reached within the connect time-out,
    ///   or none accepts the user.
    public init(
        _ options: KafkaOptions, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        try options.validate()
        self.options = options
        self.clock = clock
        self.observers = AttachableObservers(observers)
        transactionalIDs = TransactionalIDs(member: options.member)
        loop = try EventLoop(name: "millrace-kafka")
        do {
            producer = try KafkaProducer(options, loop: loop, clock: clock, observers: self.observers)
        } catch {
            loop.stop()
            throw error
        }
        catalog = KafkaCatalog(options, producer)
        do {
            let cluster = KafkaTopics(handle: producer.handle, options: options)
            try await KafkaThread.call { try cluster.check() }
        } catch {
            loop.stop()
            throw error
        }
    }

    deinit { loop.stop() }

    /// `kafka`.
    public var system: String { "kafka" }

    /// Durable, with groups, replay, attempts and delayed retries; keys keep their order across all members of a group. The
    /// order of a topic is that of its partitions.
    public var capabilities: Capabilities { options.capabilities }

    /// Has an observer told of connections, expired leases and the like as well.
    public func attach(_ observer: any Observer & AnyObject) { observers.attach(observer) }

    // MARK: Publish

    /// Publishes messages, and returns when all brokers that have to have them do. Calls of all tasks share batches.
    /// See `Publisher`.
    public func publish(_ messages: [Message], to topic: String) async throws {
        try KafkaSelection.check(topic)
        for message in messages { try Naming.check(message) }
        guard !messages.isEmpty else { return }
        try subscriptions.checkOpen()
        try await catalog.makeSure(of: topic)
        try await producer.publish(messages, to: topic)
    }

    func checkOpen() throws { try subscriptions.checkOpen() }

    // MARK: Subscribe

    /// Makes sure that a topic is there. A group needs no preparation: one that is new begins at the beginning.
    public func prepare(topic: String, group: String?) async throws {
        let selection = try KafkaSelection(topic)
        try SubscriptionOptions(group: group).validate()
        try subscriptions.checkOpen()
        _ = try await catalog.partitions(of: selection, making: self.options.newTopics)
    }

    /// Opens a subscription with a consumer of its own. See `Subscriber`.
    ///
    /// - Parameters:
    ///   - topic: A topic; several, with commas between them; or a regular expression (POSIX, extended) that begins with `^`, for
    ///     all topics that match it, also those that are made later. In the latter two cases `MetadataKey.topic` tells where
    ///     a message comes from.
    ///   - options: How to read it.
    public func subscribe(to topic: String, _ options: SubscriptionOptions = .init()) async throws -> any Subscription {
        let selection = try KafkaSelection(topic)
        try options.validate()
        try subscriptions.checkOpen()
        var options = options
        options.group = options.group ?? self.options.group
        let position = options.start ?? (options.group == nil ? .now : .beginning)
        let retries = KafkaRetryTopics(self.options, selection, options)
        for topic in retries?.names ?? [] {
            let new = self.options.newTopics?.forRetries(after: retries?.delay(of: topic) ?? .zero)
            _ = try await catalog.partitions(of: KafkaSelection(topic), making: new)
        }
        let topics = KafkaTopicTable(selection.names)
        let partitions = try await catalog.partitions(of: selection, making: self.options.newTopics).flatMap { found in
            found.numbers.map { KafkaPartition($0, ofTopic: topics.number(of: found.topic)) }
        }
        let ends = KafkaStart.needsEnds(position) ? try await catalog.ends(of: partitions, topics) : [:]
        let transactional = try await transactionalProducer(selection, options)
        let plan = KafkaPlan(
            selection: selection, topics: topics, options: options, retries: retries,
            start: KafkaStart(position, ends: ends), partitions: partitions, transactional: transactional)
        let subscription = try KafkaSubscription(plan, self) { [transactionalIDs] in
            if let transactional { transactionalIDs.giveBack(transactional.id) }
        }
        do {
            try subscriptions.add(subscription)
        } catch {
            await subscription.close()
            throw error
        }
        return subscription
    }

    private func transactionalProducer(
        _ selection: KafkaSelection, _ subscription: SubscriptionOptions
    ) async throws -> TransactionalProducer? {
        guard subscription.transactional else { return nil }
        guard let group = subscription.group else {
            throw MillraceError(
                .invalidOption, "topic '\(selection.text)': transactional is true, it needs a consumer group", isRetriable: false)
        }
        let id = transactionalIDs.take(group: group, topic: selection.text)
        do {
            return try await KafkaThread.call { [options] in try TransactionalProducer.make(options, id: id) }
        } catch {
            transactionalIDs.giveBack(id)
            throw (error as? TransactionFailure)?.error ?? error
        }
    }

    // MARK: End

    /// Closes all subscriptions; what was taken and not settled is left to the other members of its groups. Waits for
    /// publishers whose messages are on their way, up to the connect time-out.
    public func close() async {
        await subscriptions.close { open in
            await withDiscardingTaskGroup { group in
                for subscription in open { group.addTask { await subscription.close() } }
            }
            await producer.close()
            loop.stop()
        }
    }
}
