/// A claim on a topic's messages: pulled in batches, settled one by one or many at once.
///
/// A subscription may be pulled by many tasks at the same time; each delivery goes to one of them. All methods that are not
/// `async` are cheap and may be called from any thread.
public protocol Subscription: AnyObject, Sendable {
    /// The topic that it reads.
    var topic: String { get }
    /// The consumer group that it belongs to; nil if it has its own copy.
    var group: String? { get }

    /// How many messages wait for the consumer group and are with nobody, those that wait for another attempt included; nil,
    /// the default, when the transport does not know. Cheap: it may be the number of a moment ago.
    var lag: Int? { get }

    /// What spans are to say of a message beyond what is known of all: by the names of the OpenTelemetry semantic conventions for
    /// the transport's system, in place of what has the same name otherwise. None by default. Asked only for spans that are
    /// recorded; `position` is that of the delivery.
    func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)]

    /// Waits until there is at least one delivery and appends up to `limit` to `batch`.
    ///
    /// Returns false, with nothing appended, when the subscription has stopped fetching or is closed, or when `deadline`
    /// has passed. Throws `CancellationError` when the task is cancelled while waiting, and a ``MillraceError`` when the
    /// subscription is lost; a lost subscription can only be closed.
    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool

    /// Acknowledges deliveries: they are done and never come back. Tokens that are settled already are ignored and counted.
    func acknowledge(_ tokens: [DeliveryToken])

    /// Settles one delivery. One that is settled already, or was given back because its lease had run out or the
    /// subscription was closed, is ignored, and reported to the transport's observers with that reason.
    func settle(_ token: DeliveryToken, _ settlement: Settlement)

    /// Starts the lease of deliveries that are still being worked on anew.
    func renew(_ tokens: [DeliveryToken])

    /// Hands out nothing until ``resume()``. Pulls wait.
    func pause()

    /// Ends a pause.
    func resume()

    /// First phase of a shutdown: pulls return false from now on. What was handed out can still be settled.
    func stopFetching()

    /// Sends settlements that are on their way and waits until the transport has them.
    func flush() async throws

    /// Last phase: gives back what is unsettled, without counting an attempt, and ends. Calling it again does nothing.
    func close() async
}

extension Subscription {
    /// Not known.
    public var lag: Int? { nil }

    /// None.
    public func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)] { [] }

    /// The transport's own subscription, with all wrappers taken off.
    var unwrapped: any Subscription {
        var subscription: any Subscription = self
        while let wrapper = subscription as? any SubscriptionWrapper { subscription = wrapper.base }
        return subscription
    }

    /// Waits for deliveries without a deadline.
    public func pull(into batch: inout DeliveryBatch, upTo limit: Int) async throws -> Bool {
        try await pull(into: &batch, upTo: limit, until: nil)
    }
}

/// What a subscription calls one of its deliveries.
public struct DeliveryToken: Hashable, Sendable {
    /// A number that means something to the subscription alone.
    public let rawValue: UInt64

    /// A token for a number of the transport's choice, unique among the unsettled deliveries of a subscription.
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// Which subscription the current task works for.
///
/// Bound by the router and by `withSubscription`. A bounded transport needs it to see that the task that waits for room is
/// the one that would make room.
public enum SubscriptionScope {
    /// The subscription whose deliveries this task handles; nil elsewhere.
    @TaskLocal public static var current: (any Subscription)?

    /// Fires when the handler that this task works for has to end; nil outside of a router. What such a handler waits for may
    /// never come, because those who would see to it end as well.
    @TaskLocal package static var stopping: Signal?

    /// The transport's own subscription under ``current``, with all wrappers taken off.
    public static var resolved: (any Subscription)? { current?.unwrapped }
}

/// A subscription that stands in front of another one: a decorator, a fault injector.
///
/// What it does not do itself, the subscription behind it does.
public protocol SubscriptionWrapper: Subscription {
    /// The subscription behind it.
    var base: any Subscription { get }
}

extension SubscriptionWrapper {
    /// That of the subscription behind it.
    public var topic: String { base.topic }
    /// That of the subscription behind it.
    public var group: String? { base.group }
    /// That of the subscription behind it.
    public var lag: Int? { base.lag }
    /// Those of the subscription behind it.
    public func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)] {
        base.spanAttributes(of: message, at: position)
    }

    /// Pulls from the subscription behind it.
    public func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        try await base.pull(into: &batch, upTo: limit, until: deadline)
    }

    /// Acknowledges to the subscription behind it.
    public func acknowledge(_ tokens: [DeliveryToken]) { base.acknowledge(tokens) }
    /// Settles with the subscription behind it.
    public func settle(_ token: DeliveryToken, _ settlement: Settlement) { base.settle(token, settlement) }
    /// Renews leases of the subscription behind it.
    public func renew(_ tokens: [DeliveryToken]) { base.renew(tokens) }
    /// Pauses the subscription behind it.
    public func pause() { base.pause() }
    /// Ends the pause of the subscription behind it.
    public func resume() { base.resume() }
    /// Stops the fetching of the subscription behind it.
    public func stopFetching() { base.stopFetching() }
    /// Flushes the subscription behind it.
    public func flush() async throws { try await base.flush() }
    /// Closes the subscription behind it.
    public func close() async { await base.close() }
}
