public import Millrace
import MillraceTransportKit

/// Topics in one file: durable messaging with no server.
///
/// Several processes of one machine may share the file. Every group sees every message, members of a group share them by claims
/// with leases; attempts, delayed retries and scheduled messages live in the file and outlive the process.
///
/// ```swift
/// let broker = try await SQLiteTransport(path: "orders.db")
/// try await broker.publish(Message(text: "hello"), to: "greetings")
/// ```
public final class SQLiteTransport: Transport {
    /// What it was made with.
    public let options: SQLiteOptions
    let core: SQLiteCore
    let reader: SQLiteReader
    private let caretaker: Caretaker
    private let gate: PublishGate
    private let subscriptions = OpenSubscriptions<SQLiteSubscription>()

    /// Opens a file, and makes its tables or brings them up to date.
    ///
    /// - Parameters:
    ///   - options: Which file, and how to treat it.
    ///   - clock: What delays, leases and intervals are measured by.
    ///   - observers: Are told of expired leases, late settlements and failures.
    /// - Throws: A `MillraceError`: `invalidOption`; `connectionFailed` when the file can't be opened or written, is damaged or no
    ///   database, or is locked for longer than the busy time-out; `unsupported` when a later Millrace has made its tables.
    public init(
        _ options: SQLiteOptions, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        try options.validate()
        self.options = options
        let writer = SQLiteWriter(options)
        core = SQLiteCore(options, clock: clock, observers: AttachableObservers(observers), writer: writer)
        gate = PublishGate(capacity: options.maximumPending)
        reader = SQLiteReader(options)
        caretaker = Caretaker(core)
        let registry = core.registry
        writer.isAnyoneWaiting = { registry.isAnyoneHungry }
        writer.onForeignChange = { registry.noteChange() }
        try await writer.start()
        caretaker.start()
    }

    /// Opens the file of a path, with the defaults of ``SQLiteOptions``.
    public convenience init(
        path: String, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        try await self.init(SQLiteOptions(path: path), clock: clock, observers: observers)
    }

    deinit {
        caretaker.close()
        core.writer.abandon()
    }

    /// `sqlite`.
    public var system: String { "sqlite" }

    /// Everything but back-pressure, which a file does not need; `flushed` with ``SQLiteOptions/Synchronous/full``.
    public var capabilities: Capabilities { options.capabilities }

    /// Has an observer told of expired leases and the like as well.
    public func attach(_ observer: any Observer & AnyObject) { core.observers.attach(observer) }

    // MARK: Publish

    /// Appends messages to a topic: all of them or none. Calls of all tasks are committed together. See `Publisher`.
    public func publish(_ messages: [Message], to topic: String) async throws {
        try await publish(messages, to: topic, due: nil)
    }

    /// Publishes messages at a time: until then nobody gets them, and then they take their place behind what was published before.
    /// The schedule is in the file when this returns; a process that has the file open is needed at the time, or the messages are
    /// published when one opens it.
    ///
    /// - Parameters:
    ///   - messages: What to publish.
    ///   - topic: Where.
    ///   - time: When, in milliseconds since 1970. A time in the past means at once.
    /// - Throws: What `publish(_:to:)` throws. Cancelling the task works as there.
    public func publish(_ messages: [Message], to topic: String, at time: Int64) async throws {
        try await publish(messages, to: topic, due: time)
    }

    private func publish(_ messages: [Message], to topic: String, due: Int64?) async throws {
        try Naming.checkTopic(topic)
        for message in messages { try Naming.check(message) }
        guard !messages.isEmpty else { return }
        try checkOpen()
        let operation = PublishOperation(messages, to: topic, due: due, clock: core.clock) { [core, caretaker] topic in
            core.registry.noteMessages(in: topic)
            if let due { caretaker.wake(at: due) }
        }
        do {
            try await gate.enter(messages.count)
        } catch {
            throw operation.allFailed(error)
        }
        defer { gate.leave(messages.count) }
        guard core.writer.submit(operation) else { throw SQLiteCore.closed }
        try await operation.wait()
    }

    func checkOpen() throws { try subscriptions.checkOpen() }

    // MARK: Subscribe

    /// Makes the topic and the group.
    public func prepare(topic: String, group: String?) async throws {
        try Naming.checkTopic(topic)
        try SubscriptionOptions(group: group).validate()
        try checkOpen()
        try await core.perform { store in
            let id = try store.topics.id(of: topic)
            if let group { _ = try store.groups.group(group, of: id) { 0 } }
        }
    }

    /// Opens a subscription. See `Subscriber`. When one member of a group asks for order by key, all keep it from then on.
    public func subscribe(to topic: String, _ options: SubscriptionOptions = .init()) async throws -> any Subscription {
        try Naming.checkTopic(topic)
        try options.validate()
        try checkOpen()
        var options = options
        options.group = options.group ?? self.options.group
        let start = options.start ?? (options.group == nil ? .now : .beginning)
        // Looking for a time takes long in a long topic, so it is done where it holds up nobody.
        var found: Int64?
        if case .time(let time) = start { found = try await reader.lastPosition(before: time, in: topic) }
        let (core, final, behind) = (core, options, found)
        let membership = try await core.perform { store in
            try Self.join(topic, final, start: start, behind: behind, in: store, at: core.clock.unixMilliseconds)
        }
        let subscription = SQLiteSubscription(core, topic: topic, options, membership)
        try subscriptions.add(subscription)
        subscription.start()
        return subscription
    }

    private static func join(
        _ topic: String, _ options: SubscriptionOptions, start: StartPosition, behind found: Int64?, in store: SQLiteStore,
        at now: Int64
    ) throws -> Membership {
        let id = try store.topics.id(of: topic)
        let group = try store.groups.group(options.group, of: id) {
            switch start {
            case .beginning: 0
            case .now: try store.topics.last(of: id)
            case .after(let position): RowID.clamp(position)
            case .time: try found ?? store.topics.last(of: id)
            }
        }
        let (number, lease) = (Int64.random(in: 1 ... .max), Membership.lease(for: options))
        try store.groups.join(number, group, until: now + lease, isOrdered: options.ordered == .byKey)
        return Membership(
            topic: id, group: group, member: number, isOrdered: try store.groups.isOrdered(group), lease: lease)
    }

    /// Forgets a group with what it has not acknowledged; its subscriptions are lost. For groups that nobody will read again, and
    /// for which retention would wait. Returns false when there is none of that name. Throws a `MillraceError`.
    @discardableResult
    public func removeGroup(_ group: String, of topic: String) async throws -> Bool {
        try Naming.checkTopic(topic)
        try checkOpen()
        return try await core.perform { store in
            guard let id = try store.groups.find(group, of: store.topics.id(of: topic)) else { return false }
            try store.claims.deleteAll(of: id)
            try store.groups.delete(id)
            return true
        }
    }

    // MARK: End

    /// Closes all subscriptions, writes what is on its way, and closes the file; what was taken and not settled goes back to its
    /// groups.
    public func close() async {
        await subscriptions.close { open in
            caretaker.close()
            gate.close(SQLiteCore.closed)
            for subscription in open { await subscription.close() }
            await core.writer.stop()
        }
    }
}

extension SQLiteTransport: DelayedPublisher {
    /// Publishes messages after a delay, which outlives the process. See ``publish(_:to:at:)``.
    public func publish(_ messages: [Message], to topic: String, after delay: Duration) async throws {
        let due = core.clock.unixMilliseconds.addingReportingOverflow(delay.nanosecondsClamped / 1_000_000)
        try await publish(messages, to: topic, at: due.overflow ? .max : due.partialValue)
    }
}
