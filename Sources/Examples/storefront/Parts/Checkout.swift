import Millrace
import MillraceCQRS

/// Leads an order from its placement to its end: payment first, then shipping; what can't be shipped is paid back.
struct Checkout: Part {
    /// What is kept of an order that is under way.
    struct Progress: Codable, Sendable {
        enum Step: String, Codable, Sendable { case paying, shipping, refunding }

        var sku: String
        var step: Step
    }

    let store: any StateStore
    /// How long money may take that is transferred.
    let patience: Duration

    func register(_ cqrs: CQRS, on router: Router) throws {
        let checkout = cqrs.saga("checkout", of: Progress.self, in: store, options: SagaOptions(handler: .perOrder)) {
            StartOn(OrderPlaced.self, by: \.messageKey) { event, saga in
                let order = event.order
                try await saga.send(
                    TakePayment(
                        number: order.number, customer: order.customer, cents: order.cents, payment: order.payment))
                if order.payment == .transfer {
                    try await saga.send(PaymentOverdue(number: order.number), after: patience)
                }
                return Progress(sku: order.sku, step: .paying)
            }
            ContinueOn(PaymentTaken.self, by: \.messageKey) { event, progress, saga in
                progress.step = .shipping
                try await saga.send(ShipOrder(number: event.number, sku: progress.sku))
            }
            ContinueOn(PaymentRefused.self, by: \.messageKey) { event, progress, saga in
                try await saga.send(CancelOrder(number: event.number, reason: event.reason))
                saga.finish()
            }
            ContinueOn(PaymentOverdue.self, by: \.messageKey) { command, progress, saga in
                guard progress.step == .paying else { return }
                try await saga.send(CancelOrder(number: command.number, reason: "not paid in time"))
                saga.finish()
            }
            ContinueOn(OrderShipped.self, by: \.messageKey) { event, progress, saga in
                try await saga.send(CompleteOrder(number: event.number))
                saga.finish()
            }
            ContinueOn(OutOfStock.self, by: \.messageKey) { event, progress, saga in
                progress.step = .refunding
                try await saga.send(RefundPayment(number: event.number))
            }
            ContinueOn(PaymentRefunded.self, by: \.messageKey) { event, progress, saga in
                try await saga.send(CancelOrder(number: event.number, reason: "out of stock, paid back"))
                saga.finish()
            }
        }
        try router.register(checkout)
    }
}
