public import Millrace
import MillraceTransportKit

/// Topics of NATS, by libnats 3.4 and later: kept in the streams of JetStream, or passed on by core NATS at most once.
///
/// A topic is a subject; a consumer group is a durable consumer of the stream that has the subject, or with core NATS a queue group.
/// Messages have the layout of Watermill, so that services in Go can share them.
///
/// ```swift
/// let broker = try await NATSTransport(NATSOptions(servers: ["localhost:4222"]))
/// try await broker.publish(Message(text: "hello"), to: "greetings")
/// ```
public final class NATSTransport: Transport {
    let options: NATSOptions
    let clock: any SchedulingClock
    let observers: AttachableObservers
    let connection: NATSConnection
    let publisher: NATSPublisher
    let streams: NATSStreams
    let setup: NATSConsumerSetup
    let attempts: NATSAttempts?
    private let loop: EventLoop
    private let subscriptions = OpenSubscriptions<AnyNATSSubscription>()

    /// Connects to a server.
    ///
    /// - Parameters:
    ///   - options: Where the servers are, and how to treat them.
    ///   - clock: What delays, leases and time-outs are measured by.
    ///   - observers: Are told of connections, expired leases and late settlements.
    /// - Throws: A `MillraceError`: `invalidOption`; `connectionFailed` when no server can be reached within the connect time-out,
    ///   or none accepts the user; `unsupported` when JetStream is asked for and the server has none.
    public init(
        _ options: NATSOptions, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        try options.validate()
        self.options = options
        self.clock = clock
        self.observers = AttachableObservers(observers)
        loop = try EventLoop(name: "millrace-nats")
        connection = NATSConnection(options, loop: loop, clock: clock, observers: self.observers)
        let jetStream = JetStream(connection)
        publisher = NATSPublisher(connection, jetStream)
        streams = NATSStreams(jetStream)
        setup = NATSConsumerSetup(jetStream)
        attempts = options.attemptsBucket.map { NATSAttempts(jetStream, bucket: $0) }
        publisher.onMissingStream = { [streams] topic in streams.forget(topic) }
        loop.execute { [connection, publisher] in connection.add(publisher) }
        do {
            try await connection.open()
            if options.mode == .jetStream { try await Self.check(jetStream) }
        } catch {
            await connection.close()
            loop.stop()
            throw error
        }
    }

    private struct Account: Decodable, Sendable {}

    private static func check(_ jetStream: JetStream) async throws {
        do {
            let _: Account = try await jetStream.call("INFO", nil, "JetStream")
        } catch let error as MillraceError where error.code == .connectionFailed {
            throw MillraceError(
                .unsupported, "the server has no JetStream, or none for this user; mode=core does without",
                underlying: error, isRetriable: error.isRetriable)
        }
    }

    deinit {
        let (loop, connection) = (loop, connection)
        connection.abandon()
        loop.stop()
    }

    /// `nats`.
    public var system: String { "nats" }

    /// With JetStream: durable, with groups, replay, leases, attempts and delayed retries; keys keep their order within a
    /// subscription. With core NATS queue groups, and what the subscription can do by itself: order, retries, attempts and leases.
    public var capabilities: Capabilities { options.capabilities }

    /// Has an observer told of connections, expired leases and the like as well.
    public func attach(_ observer: any Observer & AnyObject) { observers.attach(observer) }

    func checkOpen() throws { try subscriptions.checkOpen() }

    // MARK: Publish

    /// Publishes messages, and returns when the stream has them; with core NATS, when the server has taken them. Calls of all tasks
    /// share one connection and are sent together. See `Publisher`.
    public func publish(_ messages: [Message], to topic: String) async throws {
        let isKnown = options.mode == .jetStream && streams.known(topic) != nil
        if !isKnown || NATSNames.hasWildcards(topic) { try NATSNames.check(topic, allowsWildcards: false) }
        for message in messages { try Naming.check(message) }
        guard !messages.isEmpty else { return }
        try subscriptions.checkOpen()
        if options.mode == .jetStream, !isKnown {
            do {
                _ = try await streams.find(topic)
            } catch {
                throw MillraceError.publishFailed(all: messages.count, to: topic, error)
            }
        }
        try await publisher.publish(messages, to: topic)
    }

    // MARK: Subscribe

    /// Makes the stream and the group. Does nothing with core NATS.
    public func prepare(topic: String, group: String?) async throws {
        try NATSNames.check(topic, allowsWildcards: true)
        try SubscriptionOptions(group: group).validate()
        try subscriptions.checkOpen()
        guard options.mode == .jetStream else { return }
        let stream = try await streams.find(topic)
        guard let group else { return }
        _ = try await setup.group(
            group, topic: topic, of: stream, lease: NATSConsumerSetup.minimumAckWait, start: .beginning)
    }

    /// Opens a subscription. See `Subscriber`.
    ///
    /// The topic may have wildcards: `orders.*` for one token, `orders.>` for all that follow. Their subjects have to be those of
    /// one stream.
    public func subscribe(to topic: String, _ options: SubscriptionOptions = .init()) async throws -> any Subscription {
        try NATSNames.check(topic, allowsWildcards: true)
        try options.validate()
        try subscriptions.checkOpen()
        try checkDeadLetters(topic)
        var options = options
        options.group = options.group ?? self.options.group
        guard self.options.mode == .jetStream else { return try await subscribeCore(to: topic, options) }
        return try await subscribeJetStream(to: topic, options)
    }

    private func subscribeCore(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        if let start = options.start, start != .now {
            throw MillraceError(
                .unsupported, "core NATS keeps nothing: a subscription starts now, not at \(start)", isRetriable: false)
        }
        let subscription = NATSCoreSubscription(self, topic: topic, options)
        return try await opened(subscription) { try await subscription.begin() }
    }

    private func subscribeJetStream(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        do {
            return try await openJetStream(topic, options)
        } catch let error as MillraceError where error.code == .invalidTopic && error.isRetriable {
            // The stream that the topic had is gone.
            streams.forget(topic)
            return try await openJetStream(topic, options)
        }
    }

    private func openJetStream(_ topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        let stream = try await streams.find(topic)
        guard let group = options.group else {
            let info = try await setup.copy(topic: topic, of: stream, start: options.start ?? .now)
            let subscription = NATSCopySubscription(self, topic: topic, stream: stream, info, options)
            return try await opened(subscription) { subscription.begin() }
        }
        let start = options.start ?? .beginning
        let info = try await setup.group(group, topic: topic, of: stream, lease: options.lease, start: start)
        let subscription = NATSGroupSubscription(self, topic: topic, stream: stream, info, options)
        return try await opened(subscription) { subscription.begin() }
    }

    private func opened(
        _ subscription: some Subscription, _ begin: () async throws -> Void
    ) async throws -> any Subscription {
        let any = AnyNATSSubscription(subscription)
        do {
            try subscriptions.add(any)
            try await begin()
        } catch {
            await subscription.close()
            throw error
        }
        return any
    }

    /// A topic that stands for everything would get its own dead letters, and those of these.
    private func checkDeadLetters(_ topic: String) throws {
        guard case .topicSuffix(let suffix) = options.deadLetters, NATSNames.hasWildcards(topic) else { return }
        let sample = topic.split(separator: ".").map { $0 == "*" || $0 == ">" ? "x" : String($0) }.joined(separator: ".")
        guard NATSNames.matches(NATSOptions.deadLetterTopic(ofSubject: sample, suffix), topic) else { return }
        throw MillraceError.invalidOption(
            "deadLetters", "'\(suffix)'", bound: "drop, because topic '\(topic)' would receive its own dead letters",
            of: "NATS options")
    }

    // MARK: End

    /// Closes all subscriptions and the connection; what was taken and not settled goes back to its groups. Waits for publishers
    /// whose messages are on their way, up to the connect time-out.
    public func close() async {
        await subscriptions.close { open in
            await withDiscardingTaskGroup { group in
                for subscription in open { group.addTask { await subscription.close() } }
            }
            await publisher.close()
            await connection.close()
            loop.stop()
        }
    }
}
