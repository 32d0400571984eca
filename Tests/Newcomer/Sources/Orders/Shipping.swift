import Millrace
import MillraceCQRS

/// A command and what comes of it, with Swift types.
public struct Ship: DomainCommand {
    public static let messageName = "Ship"
    public var order: Int

    public init(order: Int) { self.order = order }
}

public struct Shipped: DomainEvent {
    public static let messageName = "Shipped"
    public var order: Int
}

/// An actor that is handed the context of a command.
public actor Dispatcher {
    public private(set) var shipped: [Int] = []

    public init() {}

    func ship(_ command: Ship, _ context: CQRSContext) async throws {
        shipped.append(command.order)
        try await context.publish(Shipped(order: command.order))
    }
}

public func addShipping(to router: Router, _ cqrs: CQRS, _ dispatcher: Dispatcher) throws {
    try router.register(cqrs.handler(Ship.self) { command, context in try await dispatcher.ship(command, context) })
}
