/// Something that was seen in a simulated world, between a service and what can go wrong, or between that and the broker.
enum Occurrence: Hashable {
    /// Where a wire is tapped.
    enum Side { case service, broker }

    /// How a delivery ended.
    enum Ending { case acknowledged, retried, rejected, released }

    /// What a handler made of a message.
    enum Outcome { case returned, failed, failedForGood, askedForLater }

    /// A message is about to be published.
    case offered(Int, to: String)
    /// The broker has it.
    case stored(Int, to: String)
    /// The publisher was told whether it was accepted.
    case answered(Int, to: String, isAccepted: Bool)
    case opened(subscription: Int, world: Int, topic: String)
    case delivered(Int, Side, subscription: Int, token: UInt64, attempt: Int, position: UInt64)
    case settled(Side, subscription: Int, token: UInt64, Ending)
    /// A settlement of the service's that the broker did not get.
    case settlementLost(Int)
    /// The broker has taken a delivery back.
    case leaseExpired(topic: String, position: UInt64)
    /// The service's pulls fail from now on.
    case cut(subscription: Int)
    case closed(subscription: Int)
    case called(Int, message: Int, world: Int, attempt: Int, deliveryAttempt: Int)
    case ended(call: Int, Outcome)
    case started(world: Int)
    case killed(world: Int)
    case shutdown(world: Int)
    case stopped(world: Int)
}
