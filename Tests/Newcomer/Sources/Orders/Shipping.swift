import Millrace
import MillraceCQRS

/// A command and what comes of it, with Swift types.
struct Ship: DomainCommand {
    static let messageName = "Ship"
    var order: Int

    init(order: Int) { self.order = order }
}

struct Shipped: DomainEvent {
    static let messageName = "Shipped"
    var order: Int
}

/// An actor that is handed the context of a command.
actor Dispatcher {
    private(set) var shipped: [Int] = []

    init() {}

    func ship(_ command: Ship, _ context: CQRSContext) async throws {
        shipped.append(command.order)
        try await context.publish(Shipped(order: command.order))
    }
}

func addShipping(to router: Router, _ cqrs: CQRS, _ dispatcher: Dispatcher) throws {
    try router.register(cqrs.handler(Ship.self) { command, context in try await dispatcher.ship(command, context) })
}
