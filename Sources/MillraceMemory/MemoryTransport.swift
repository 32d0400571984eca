public import Millrace
import Synchronization

/// In-process channels with everything that a broker has but durability: topics, consumer groups, key order, retries,
/// leases, back-pressure. For tests, for one-process services, and as the model that other transports are held to.
///
/// A group's name is remembered with its messages until ``removeGroup(_:of:)``, also while it has no member; publishers
/// then wait once it is full. A subscriber without a group is forgotten when it is closed or released.
public final class MemoryTransport: Transport {
    let registry: TopicRegistry

    /// A transport with valid options.
    ///
    /// - Parameters:
    ///   - options: How it buffers and forgets.
    ///   - clock: Drives delays and leases; with a manual clock a test moves time by hand.
    ///   - observers: Are told of drops, expired leases and settlements that have no effect.
    /// - Throws: A `MillraceError` of code `invalidOption`.
    public init(
        _ options: MemoryOptions, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) throws {
        try options.validate()
        registry = TopicRegistry(options: options, clock: clock, observers: observers)
    }

    /// A transport with the default options.
    public init(clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard) {
        registry = TopicRegistry(options: MemoryOptions(), clock: clock, observers: observers)
    }

    deinit {
        registry.close()
        registry.forgetTopics()
    }

    private var options: MemoryOptions { registry.options }

    /// `memory`.
    public var system: String { "memory" }

    /// Everything but durability; `replay` with a retention that lasts, `deadLetters` unless they are dropped.
    public var capabilities: Capabilities { options.capabilities }

    /// Makes a topic and a group, so that the group gets what is published from now on.
    public func prepare(topic: String, group: String?) async throws {
        let topic = try registry.topic(topic)
        guard let group else { return }
        try SubscriptionOptions(group: group).validate()
        try topic.prepare(group: group)
    }

    /// Opens a subscription. See `subscribe(to:_:)`.
    public func subscribe(to topic: String, _ options: SubscriptionOptions = .init()) async throws -> any Subscription {
        try options.validate()
        if let start = options.start, start.isArbitrary(inGroup: options.group != nil) {
            throw MillraceError(
                .unsupported,
                "start is \(start), the memory transport can begin a group at .beginning or .now, and others at .now",
                isRetriable: false)
        }
        return try registry.topic(topic).subscribe(options)
    }

    /// Has one more observer told of what happens from now on. See `Subscriber.attach(_:)`.
    public func attach(_ observer: any Observer & AnyObject) { registry.attach(observer) }

    /// Forgets a group with its messages; its subscriptions end. Returns false when there is none of that name.
    @discardableResult
    public func removeGroup(_ group: String, of topic: String) -> Bool {
        registry.existing(topic)?.removeGroup(named: group) ?? false
    }

    /// How many messages a group has, by where they are; nil when there is no such group.
    public func depth(of topic: String, group: String) -> MemoryDepth? {
        guard let topic = registry.existing(topic),
            let group = topic.locked({ state in state.groups.first { $0.name == group } })
        else { return nil }
        return group.locked { inside in
            let arrived = topic.locked { _ in group.inbox.pointee.arrived.count }
            return MemoryDepth(
                waiting: arrived + inside.waitingCount, inFlight: inside.inFlightCount, delayed: inside.delayedCount)
        }
    }

    /// Ends all subscriptions and forgets all messages; waiting publishers fail.
    public func close() async { registry.close() }
}

/// The messages of a consumer group, by where they are.
public struct MemoryDepth: Sendable, Hashable {
    /// Not handed out yet.
    public let waiting: Int
    /// Handed out and not settled.
    public let inFlight: Int
    /// Waiting for the delay of a retry to pass.
    public let delayed: Int

    /// All of them.
    public var total: Int { waiting + inFlight + delayed }
}

// MARK: - Publishing

extension MemoryTransport {
    /// Hands one message to a topic. Does not suspend while all groups have room.
    @inlinable public func publish(_ message: consuming Message, to topic: String) async throws {
        if let waiting = try offer(message, to: topic) { try await publish([waiting], to: topic) }
    }

    /// Hands one message to a topic if that is possible at once; otherwise gives it back.
    @usableFromInline func offer(_ message: consuming Message, to topic: String) throws -> Message? {
        try Naming.check(message)
        var waiting: Message? = consume message
        registry.offer(&waiting, to: topic)
        return waiting
    }

    /// Hands messages to a topic. See `publish(_:to:)`.
    public func publish(_ messages: [Message], to topic: String) async throws {
        let destination = try registry.topic(topic)
        for message in messages { try Naming.check(message) }
        try await publish(messages, to: destination)
    }

    private func publish(_ messages: [Message], to topic: MemoryTopic) async throws {
        let latch =
            options.publishReturns == .whenAcknowledged && SubscriptionScope.current == nil
            ? PublishLatch(messages: messages.count) : nil
        var accepted = 0
        var refused: [MillraceError.PublishFailure] = []
        var beyondCapacity = false
        do {
            while true {
                let stops = registry.stops.load(ordering: .sequentiallyConsistent)
                let isStopping = self.isStopping
                let (stored, full) = try topic.store(
                    messages, from: accepted, latch: latch, beyondCapacity: beyondCapacity)
                accepted = stored
                if accepted == messages.count { break }
                if options.overflow == .refuse { throw topic.overflow(of: full) }
                if options.overflow == .dropOldest {
                    if topic.makeRoom(in: full) { continue }
                    try topic.storeWhereRoom(messages[accepted], receipt: latch?.receipts[accepted])
                    accepted += 1
                    continue
                }
                let handler: AnyObject? = scope.map(\.members) ?? SubscriptionScope.stopping
                if !(isStopping && Self.anyIsUnread(full)), let wait = registry.waits.enter(from: handler, to: full) {
                    defer { registry.waits.leave(wait) }
                    try await topic.waitForRoom(since: stops, orUntil: isStopping ? nil : SubscriptionScope.stopping)
                } else {
                    // Whoever would make room waits for this very call, or has ended: going beyond the capacity is the only
                    // way on.
                    beyondCapacity = true
                }
            }
        } catch {
            refused = (accepted..<messages.count).map { MillraceError.PublishFailure(index: $0, error: error) }
        }
        // What was stored before one was refused is waited for as well: all that the error does not list is acknowledged.
        let failures = (await latch?.wait() ?? []) + refused
        if !failures.isEmpty { throw MillraceError.publishFailed(failures, of: messages.count, to: topic.name) }
    }

    /// Whether the current task's handler has to end, wherever its input comes from. If nobody reads what it waits for then,
    /// it waits in vain: its router shuts down, say, and the next handler in line was the first to stop.
    private var isStopping: Bool { SubscriptionScope.stopping?.hasFired == true || scope?.isStopped == true }

    private static func anyIsUnread(_ full: [MemoryGroup]) -> Bool {
        full.contains { group in !group.locked { $0.isFetching } }
    }

    /// The subscription of this transport whose messages the current task handles.
    private var scope: MemorySubscription? { SubscriptionScope.resolved as? MemorySubscription }
}
