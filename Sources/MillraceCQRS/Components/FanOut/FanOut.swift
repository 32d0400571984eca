public import Millrace
import MillraceTransportKit

/// Lets several consumers of one process share a subscription: each gets every message, and a message is acknowledged when all of them
/// have acknowledged it.
///
/// ```swift
/// let orders = FanOut("orders", on: broker, group: "shop", to: ["invoice", "audit"])
/// try router.consume("invoice", from: "orders", on: orders) { message, context in try await invoice(message) }
/// try router.consume("audit", from: "orders", on: orders, options: .init(concurrency: 8)) { message, context in try await record(message) }
/// ```
///
/// A consumer is a consumer group of the fan-out, so a handler of the router is the consumer of its own name. The broker sees one group
/// and hands out each message once, however many consumers there are.
///
/// A consumer's `retry(after:)` and `release` are its own affair: it gets the message again, with its attempt counted, and the others do
/// not. Meanwhile the message stays claimed, and its lease is renewed. When a consumer rejects a message, and all have made an end of it,
/// it is rejected, for a reason that names the consumer, and goes where the transport puts such messages.
///
/// Nothing is fetched before each consumer has subscribed once. One that closes and comes back, as a handler that is stopped and started,
/// finds its messages as it left them. When none of them fetches any more the subscription ends, and what some consumer has not finished
/// goes back, for all of them: then they get it again, those that had acknowledged it as well. So it is when the process dies, or the
/// subscription is lost.
///
/// The slowest consumer sets the pace: no more than `prefetch` messages are unfinished at a time, those included that only wait for one
/// that is away.
///
/// If one of the consumers has `ordered: .byKey`, the shared subscription has it as well, since other processes may share the group: the
/// next message of a key comes when all consumers have finished the one before it. Without, a consumer's retry holds up no other one.
public final class FanOut: Subscriber {
    private let plan: FanOutPlan
    private let session = Lock<FanOutSession?>(nil)

    /// A fan-out. What can't work is refused by ``subscribe(to:_:)``.
    ///
    /// - Parameters:
    ///   - topic: The topic to read.
    ///   - subscriber: Its transport, which is not closed. Needs consumer groups.
    ///   - group: The consumer group to read it with. Other processes may share it, with the same consumers.
    ///   - consumers: Who is to get each message: the groups of the subscriptions to the fan-out. 1 to 64, all different.
    ///   - prefetch: How many messages may be unfinished at once, by all consumers together. Defaults to 1,024; at least 1.
    ///   - lease: How long a message stays claimed if the process dies. Defaults to 30 seconds. Renewed as long as the process lives.
    ///   - start: Where to begin if the group is new. Defaults to nil: at the first message that the transport still has. The group is
    ///     made when the first consumer subscribes, but with a start when all have.
    ///   - clock: Drives delays and leases.
    ///   - observers: Are told of leases that have run out and of settlements that have no effect.
    public init(
        _ topic: String, on subscriber: any Subscriber, group: String, to consumers: [String], prefetch: Int = 1_024,
        lease: Duration = .seconds(30), start: StartPosition? = nil, clock: any SchedulingClock = SystemClock.shared,
        observers: Observers = .standard
    ) {
        plan = FanOutPlan(
            topic: topic, subscriber: subscriber, group: group, consumers: consumers, prefetch: prefetch, lease: lease,
            start: start, clock: clock, observers: AttachableObservers(observers))
    }

    /// Those of the transport, but for transactions, delays by the broker, and starting anywhere.
    public var capabilities: Capabilities { plan.capabilities }

    /// Opens a subscription of a consumer, which is the options' group. Several of one consumer share its messages.
    ///
    /// Throws a `MillraceError`: `unsupported` for another topic than that of the fan-out, for options with a start, and for a transport
    /// without consumer groups; `invalidOption` for a group that is none of the consumers, for no group, for consumers that can't be, and
    /// for order by key when the consumer's first subscription did without; what the transport throws. Cancelling the task ends the wait.
    public func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        try plan.validate()
        let consumer = try plan.consumer(of: topic, options)
        // From now on messages are kept for the group, though nobody may fetch them before the other consumers are there.
        if plan.start == nil { try await (plan.subscriber as? any Transport)?.prepare(topic: plan.topic, group: plan.group) }
        let member = try join(consumer, options)
        do {
            try await member.waitUntilOpen()
        } catch {
            await member.close()
            throw error
        }
        return member
    }

    private func join(_ consumer: Int, _ options: SubscriptionOptions) throws -> FanOutMember {
        try session.withLock { current in
            while true {
                let session = current ?? FanOutSession(plan)
                current = session
                if let member = try session.join(consumer, options) { return member }
                current = nil
            }
        }
    }

    /// Has one more observer told of what happens here and in the transport.
    public func attach(_ observer: any Observer & AnyObject) {
        plan.observers.attach(observer)
        plan.subscriber.attach(observer)
    }
}

extension FanOut: BrokerClock {
    /// That of the transport; nil when it has none.
    public var brokerTime: Int64? { (plan.subscriber as? any BrokerClock)?.brokerTime }
}
