import Millrace
import MillraceCQRS

/// Packs what is there and hands it to a carrier, who is sometimes busy.
struct Shipping: Part {
    struct CarrierIsBusy: Error {}

    let stock: Set<String>

    func register(_ cqrs: CQRS, on router: Router) throws {
        try router.register(
            cqrs.handler(ShipOrder.self, options: .perOrder) { command, context in
                guard stock.contains(command.sku) else {
                    return try await context.publish(OutOfStock(number: command.number, sku: command.sku))
                }
                // Retry, which the router has, calls again.
                if command.number.isMultiple(of: 4), context.attempt == 1 { throw CarrierIsBusy() }
                try await context.publish(OrderShipped(number: command.number, parcel: "P-\(command.number)"))
            })
    }
}
