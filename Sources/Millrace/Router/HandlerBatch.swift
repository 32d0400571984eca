/// Messages that a batch handler gets together.
///
/// What is not settled when the handler returns is acknowledged; what is not settled when it throws is tried again.
public struct HandlerBatch: Sendable {
    private let deliveries: [Delivery]
    private let settlements: Settlements

    /// What the handler has settled by itself.
    final class Settlements: Sendable {
        let tokens = Lock<Set<DeliveryToken>>([])
    }

    init(_ batch: DeliveryBatch, of subscription: any Subscription, settlements: Settlements) {
        deliveries = batch.records.map { Delivery($0, of: subscription, receivedAt: batch.receivedAt) }
        self.settlements = settlements
    }

    private init(_ deliveries: [Delivery], _ settlements: Settlements) {
        self.deliveries = deliveries
        self.settlements = settlements
    }

    /// Those that nobody has settled by now, in their order.
    public var unsettled: HandlerBatch {
        let settled = settlements.tokens.withLock { $0 }
        return settled.isEmpty ? self : HandlerBatch(deliveries.filter { !settled.contains($0.token) }, settlements)
    }

    /// Settles one delivery of the batch by itself. A second settlement is ignored, and reported.
    public func settle(_ delivery: Delivery, _ settlement: Settlement) {
        settlements.tokens.withLock { _ = $0.insert(delivery.token) }
        delivery.settle(settlement)
    }
}

extension HandlerBatch: RandomAccessCollection {
    /// The position of the first delivery, 0.
    public var startIndex: Int { deliveries.startIndex }
    /// The number of deliveries.
    public var endIndex: Int { deliveries.endIndex }
    /// The delivery at a position.
    public subscript(position: Int) -> Delivery { deliveries[position] }
}
