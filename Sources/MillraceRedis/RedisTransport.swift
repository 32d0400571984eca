public import Millrace
import MillraceTransportKit

/// Topics as streams of Redis 6.2 and later: durable as far as the server is, shared by consumer groups.
///
/// A topic is the stream of that name; a consumer group is the stream's group of that name. Streams have the layout of
/// Watermill, so that services in Go can share them.
///
/// ```swift
/// let broker = try await RedisTransport(url: "redis://127.0.0.1:6379")
/// try await broker.publish(Message(text: "hello"), to: "greetings")
/// ```
public final class RedisTransport: Transport {
    let options: RedisOptions
    let clock: any SchedulingClock
    let observers: AttachableObservers
    let loop: EventLoop
    let commands: RedisConnection
    let serverClock: ServerClock
    private let tls: TLSContext?
    private let random = RandomSource()
    private let gate: PublishGate
    private let subscriptions = OpenSubscriptions<RedisSubscription>()
    private let trimmer: RedisTrimmer?
    /// Runs the trimmer; owned, cancelled and awaited by the transport.
    private let trimming: Task<Void, Never>?

    /// Connects to a server.
    ///
    /// - Parameters:
    ///   - options: Where the server is, and how to treat it.
    ///   - clock: What delays, leases and time-outs are measured by. What is stored, the server's clock decides about.
    ///   - observers: Are told of connections, expired leases, late settlements, and of a clock that differs from the server's by more
    ///     than 2 seconds.
    /// - Throws: A `MillraceError`: `invalidOption`; `connectionFailed` when the server can't be reached within the connect
    ///   time-out, or refuses the password; `unsupported` for a node of a Redis Cluster.
    public init(
        _ options: RedisOptions, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        try options.validate()
        tls = try options.tls.map { try TLSContext($0) }
        self.options = options
        self.clock = clock
        self.observers = AttachableObservers(observers)
        gate = PublishGate(capacity: options.maximumPending)
        loop = try EventLoop(name: "millrace-redis")
        serverClock = ServerClock(clock, self.observers)
        commands = RedisConnection(
            options, tls: tls, role: "commands", loop: loop, clock: clock, random: random, observers: self.observers,
            serverClock: serverClock, asksForTime: true)
        let trimmer =
            options.retention.needsTrimming
            ? RedisTrimmer(options.retention, commands: commands, clock: clock, observers: self.observers) : nil
        self.trimmer = trimmer
        commands.open()
        do {
            try await commands.waitUntilConnected()
            if options.retention.deletesAcknowledged { try await Self.checkScripts(on: commands) }
        } catch {
            await commands.close()
            loop.stop()
            throw error
        }
        trimming = trimmer.map { trimmer in Task { await trimmer.run() } }
    }

    /// Deleting what all groups have acknowledged takes a script: two groups that acknowledge at the same time must not both
    /// leave it to the other.
    private static func checkScripts(on commands: RedisConnection) async throws {
        try await commands.run { writer in
            writer.command(arguments: 3)
            writer.bulk("EVAL")
            writer.bulk("return 1")
            writer.bulk("0")
        } read: { reply in
            guard let error = reply.error else { return }
            throw MillraceError(
                .unsupported, "retention.deletesAcknowledged needs a server that runs scripts: \(error)", isRetriable: false)
        }
    }

    /// Connects to the server that a URL names: `redis://user:password@host:port/database`, `rediss://` for TLS.
    public convenience init(
        url: String, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        try await self.init(RedisOptions(url: url), clock: clock, observers: observers)
    }

    deinit {
        let (loop, commands) = (loop, commands)
        trimming?.cancel()
        commands.abandon()
        loop.stop()
    }

    /// `redis`.
    public var system: String { "redis" }

    /// Durable as far as the server is, with groups, replay, leases, attempts and delayed retries; keys keep their order within
    /// a subscription.
    public var capabilities: Capabilities { options.capabilities }

    /// Has an observer told of connections, expired leases and the like as well.
    public func attach(_ observer: any Observer & AnyObject) { observers.attach(observer) }

    // MARK: Publish

    /// Appends messages to the stream. Calls of all tasks share one connection and are sent together. See `Publisher`.
    public func publish(_ messages: [Message], to topic: String) async throws {
        try Naming.checkTopic(topic)
        for message in messages { try Naming.check(message) }
        guard !messages.isEmpty else { return }
        try subscriptions.checkOpen()
        do {
            try await gate.enter(messages.count)
        } catch {
            throw MillraceError.publishFailed(all: messages.count, to: topic, error)
        }
        defer { gate.leave(messages.count) }
        let call = PublishCall(messages, to: topic, maximumLength: options.retention.lengthWhenAdding)
        commands.send(call)
        try await call.wait()
        trimmer?.note(topic)
    }

    // MARK: Subscribe

    /// Makes the stream and the group.
    public func prepare(topic: String, group: String?) async throws {
        try Naming.checkTopic(topic)
        try SubscriptionOptions(group: group).validate()
        try subscriptions.checkOpen()
        if let group { try await createGroup(group, of: topic, start: .behind(Position(low: 0))) }
    }

    /// Opens a subscription with a connection of its own. See `Subscriber`.
    public func subscribe(to topic: String, _ options: SubscriptionOptions = .init()) async throws -> any Subscription {
        try Naming.checkTopic(topic)
        try options.validate()
        try subscriptions.checkOpen()
        var options = options
        options.group = options.group ?? self.options.group
        let start = RedisStart(options.start, isGroup: options.group != nil)
        var last = Position(low: 0)
        if let group = options.group {
            try await createGroup(group, of: topic, start: start)
        } else if case .behind(let position) = start {
            last = position
        } else {
            last = try await lastEntry(of: topic)
        }
        let reader = RedisConnection(
            self.options, tls: tls, role: "reader", loop: loop, clock: clock, random: random, observers: observers,
            serverClock: serverClock, isPatient: true)
        let subscription = RedisSubscription(
            self, topic: topic, consumer: consumerName(for: topic, options.group), options, reader: reader, after: last)
        reader.open()
        do {
            try await reader.waitUntilConnected()
            try subscriptions.add(subscription)
        } catch {
            await reader.close()
            throw error
        }
        subscription.start()
        return subscription
    }

    /// The configured name, with a number from the second subscription of a group on: members must not share a name.
    private func consumerName(for topic: String, _ group: String?) -> String {
        guard let consumer = options.consumer else { return "\(MessageID.next())" }
        let others = subscriptions.count { $0.topic == topic && $0.group == group }
        return others == 0 ? consumer : "\(consumer)#\(others + 1)"
    }

    /// Makes a group, and the stream if need be; an existing group stays as it is.
    func createGroup(_ group: String, of topic: String, start: RedisStart) async throws {
        try await commands.run { writer in
            RedisCommands.createGroup(group, of: topic, start: start, into: &writer)
        } read: { reply in
            if let error = reply.error, !error.hasPrefix("BUSYGROUP") { throw RedisError.make(error, topic: topic) }
        }
    }

    /// The id of a stream's last entry, so that a reader without a group misses nothing from now on.
    private func lastEntry(of topic: String) async throws -> Position {
        try await commands.run { writer in
            writer.command(arguments: 6)
            writer.bulk("XREVRANGE")
            writer.bulk(topic)
            writer.bulk("+")
            writer.bulk("-")
            writer.bulk("COUNT")
            writer.bulk("1")
        } read: { reply in
            if let error = reply.error { throw RedisError.make(error, topic: topic) }
            return reply.element(0) { entry in entry.element(0) { $0.entryID } } ?? Position(low: 0)
        }
    }

    // MARK: End

    /// Closes all subscriptions and connections; what was taken and not settled goes back to its groups.
    public func close() async {
        await subscriptions.close { open in
            for subscription in open { await subscription.close() }
            trimming?.cancel()
            await commands.close()
            await trimming?.value
            loop.stop()
        }
    }
}
