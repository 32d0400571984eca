public import Millrace

/// Observers of a transport, to which a router's metrics may be added while it runs.
public final class AttachableObservers: Sendable {
    private let current: Lock<Observers>

    /// These observers, for now.
    public init(_ observers: Observers) { current = Lock(observers) }

    /// Tells one more observer from now on.
    public func attach(_ observer: any Observer & AnyObject) { current.withLock { $0 = $0.adding(observer) } }

    /// See `Observers.report(_:_:)`.
    public func report(_ level: EventLevel, _ event: @autoclosure () -> MillraceEvent.Kind) {
        current.withLock { $0 }.report(level, event())
    }

    /// Deliveries were settled that had been settled before, or whose subscription is closed.
    public func reportIgnored(_ count: Int, of subscription: some Subscription, isClosed: Bool) {
        report(
            .warning,
            .settlementIgnored(
                topic: subscription.topic, group: subscription.group, count: count,
                reason: isClosed ? .subscriptionClosed : .settledTwice))
    }
}
