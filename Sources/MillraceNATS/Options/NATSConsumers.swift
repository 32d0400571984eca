import Millrace

/// How durable consumers are made, which are what JetStream has for consumer groups.
public struct NATSConsumers: Sendable, Hashable {
    /// How many messages of a group may be with its members, or wait for a retry, before it gets no more. Defaults to 100,000;
    /// at least 1.
    public var maximumAckPending: Int
    /// After how many deliveries a message that is not acknowledged goes to the dead letters; those that a closing member gave back do
    /// not count. Members count, and not the server (`MaxDeliver`), which hands out no more what members that died had then. Defaults
    /// to nil: never, the router counts by itself. At least 1.
    public var maximumDeliveries: Int?
    /// After how long the server hands out a message again that a member took and did not keep alive, for each time that it did
    /// so; the last one stays. Defaults to none: always after the lease. With ``maximumDeliveries``, there have to be more of these.
    public var backoff: [Duration]
    /// After how long without members the server deletes a group. Defaults to nil: never. At least 1 second.
    public var inactiveThreshold: Duration?

    /// Consumers with the given values.
    public init(
        maximumAckPending: Int = 100_000, maximumDeliveries: Int? = nil, backoff: [Duration] = [],
        inactiveThreshold: Duration? = nil
    ) {
        self.maximumAckPending = maximumAckPending
        self.maximumDeliveries = maximumDeliveries
        self.backoff = backoff
        self.inactiveThreshold = inactiveThreshold
    }

    /// Checks what no option of a URL sets, and what belongs together.
    func validate() throws {
        let (least, most) = (Duration.milliseconds(100), Duration.seconds(366 * 86_400))
        if let delay = backoff.first(where: { $0 < least || $0 > most }) {
            throw NATSOptions.invalid("consumers.backoff", delay, "100 milliseconds to 366 days")
        }
        if let maximumDeliveries, !backoff.isEmpty, maximumDeliveries <= backoff.count {
            throw NATSOptions.invalid(
                "consumers.maximumDeliveries", maximumDeliveries, "more than the \(backoff.count) delays of consumers.backoff")
        }
    }
}
