/// A message in the hands of a subscriber, who has to settle it exactly once.
public struct Delivery: Sendable {
    private let record: DeliveryRecord
    private let subscription: any Subscription
    /// When the subscriber received it.
    public let receivedAt: ClockInstant

    /// A delivery of a subscription's batch.
    public init(_ record: DeliveryRecord, of subscription: any Subscription, receivedAt: ClockInstant) {
        self.record = record
        self.subscription = subscription
        self.receivedAt = receivedAt
    }

    /// The message.
    public var message: Message { record.message }
    /// How often the message has been handed out, this time included; 1 for the first time.
    public var attempt: Int { record.attempt }
    /// Where the message lies in the broker.
    public var position: Position { record.position }
    /// The topic that it came from.
    public var topic: String { subscription.topic }
    /// By what the subscription knows it.
    public var token: DeliveryToken { record.token }

    /// The message is done and never comes back.
    public func acknowledge() { settle(.acknowledge) }

    /// The message comes back after `delay`, with its attempt counted. Defaults to at once.
    public func retry(after delay: Duration = .zero) { settle(.retry(after: delay)) }

    /// The message is given up, with a reason for whoever reads the dead letters.
    public func reject(_ reason: String) { settle(.reject(reason: reason)) }

    /// Ends the delivery. Only the first settlement counts, and none once the lease has run out or the subscription is
    /// closed; another is ignored, and reported to the transport's observers.
    public func settle(_ settlement: Settlement) { subscription.settle(record.token, settlement) }

    /// Starts the lease anew, for work that takes long outside of a router.
    public func renew() { subscription.renew([record.token]) }
}
