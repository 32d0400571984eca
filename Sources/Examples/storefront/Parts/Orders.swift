import Millrace
import MillraceCQRS

/// Takes orders, and says what has become of them.
struct Orders: Part {
    func register(_ cqrs: CQRS, on router: Router) throws {
        try router.register(
            cqrs.handler(PlaceOrder.self, options: .perOrder) { command, context in
                guard command.order.cents > 0 else { throw Reject("order \(command.number) has nothing to pay") }
                try await context.publish(OrderPlaced(order: command.order))
            })
        try router.register(
            cqrs.handler(CompleteOrder.self, options: .perOrder) { command, context in
                try await context.publish(OrderCompleted(number: command.number))
            })
        try router.register(
            cqrs.handler(CancelOrder.self, options: .perOrder) { command, context in
                try await context.publish(OrderCancelled(number: command.number, reason: command.reason))
            })
    }
}
