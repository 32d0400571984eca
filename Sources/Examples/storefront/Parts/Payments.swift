import Millrace
import MillraceCQRS

/// Takes money by card, and gives it back. Of those who pay by transfer it waits for the money.
struct Payments: Part {
    struct Payment: Codable, Sendable {
        var cents: Int
        var isRefunded = false
    }

    /// By order. A command may come twice, and money must not be taken twice: whether it was is looked up here.
    let ledger: Documents<Payment>

    func register(_ cqrs: CQRS, on router: Router) throws {
        try router.register(
            cqrs.handler(TakePayment.self, options: .perOrder) { command, context in
                guard command.payment == .card else { return }  // Nobody in this example ever transfers anything.
                guard command.customer != "mallory" else {
                    return try await context.publish(
                        PaymentRefused(number: command.number, reason: "the card is reported stolen"))
                }
                let payment = try await ledger.update(command.number) { $0 = $0 ?? Payment(cents: command.cents) }
                try await context.publish(PaymentTaken(number: command.number, cents: payment?.cents ?? 0))
            })
        try router.register(
            cqrs.handler(RefundPayment.self, options: .perOrder) { command, context in
                try await ledger.update(command.number) { $0?.isRefunded = true }
                try await context.publish(PaymentRefunded(number: command.number))
            })
    }
}
