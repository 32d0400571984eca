/// A subscription as a sequence, for code that reads without a router.
///
/// Ends when the subscription stops; throws `CancellationError` when the task is cancelled, and a ``MillraceError`` when the
/// subscription is lost. Each delivery has to be settled; what is not comes back after its lease.
public struct Deliveries: AsyncSequence, Sendable {
    /// What the sequence yields.
    public typealias Element = Delivery

    private let subscription: any Subscription

    /// The deliveries of a subscription.
    public init(of subscription: any Subscription) { self.subscription = subscription }

    /// An iterator. Several iterators share the deliveries.
    public func makeAsyncIterator() -> Iterator { Iterator(subscription: subscription) }

    /// Pulls one delivery at a time, so that none waits unseen in a buffer while another is being handled.
    public struct Iterator: AsyncIteratorProtocol {
        let subscription: any Subscription
        private var batch = DeliveryBatch()

        init(subscription: any Subscription) { self.subscription = subscription }

        /// The next delivery, or nil when the subscription has stopped.
        public mutating func next() async throws -> Delivery? {
            batch.removeAll()
            guard try await subscription.pull(into: &batch, upTo: 1), let record = batch.records.first else { return nil }
            return Delivery(record, of: subscription, receivedAt: batch.receivedAt)
        }
    }
}

extension Subscription {
    /// The deliveries as a sequence.
    public var deliveries: Deliveries { Deliveries(of: self) }
}
