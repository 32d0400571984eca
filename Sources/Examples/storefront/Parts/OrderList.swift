import Millrace
import MillraceCQRS

/// The read model: what customers see of their orders.
struct OrderList: Part {
    /// What is known of an order. An event may come twice, so that each sets what it knows, and adds nothing up.
    struct Entry: Codable, Sendable {
        var order: Order
        var paid = 0
        var isRefunded = false
        var parcel: String?
        var end: String?
    }

    let entries: Documents<Entry>
    /// Is told of each order that has come to its end, perhaps twice.
    let ended: @Sendable (Int) -> Void

    func register(_ cqrs: CQRS, on router: Router) throws {
        try router.register(
            cqrs.group("order-list", options: .perOrder) {
                OnEvent(OrderPlaced.self) { event, _ in
                    try await entries.update(event.number) { $0 = $0 ?? Entry(order: event.order) }
                }
                OnEvent(PaymentTaken.self) { event, _ in
                    try await entries.update(event.number) { $0?.paid = event.cents }
                }
                OnEvent(PaymentRefunded.self) { event, _ in
                    try await entries.update(event.number) { $0?.isRefunded = true }
                }
                OnEvent(OrderShipped.self) { event, _ in
                    try await entries.update(event.number) { $0?.parcel = event.parcel }
                }
                OnEvent(OrderCompleted.self) { event, context in
                    try await entries.update(event.number) { $0?.end = "completed" }
                    context.logger.info("completed", ["order": event.number])
                    ended(event.number)
                }
                OnEvent(OrderCancelled.self) { event, context in
                    try await entries.update(event.number) { $0?.end = "cancelled: \(event.reason)" }
                    context.logger.info("cancelled", ["order": event.number, "reason": event.reason])
                    ended(event.number)
                }
            })
    }
}
