import MillraceCQRS

/// What a customer wants, and how it is to be paid.
struct Order: Codable, Sendable {
    enum Payment: String, Codable, Sendable { case card, transfer }

    var number: Int
    var customer: String
    var sku: String
    var cents: Int
    var payment: Payment
}

/// Messages of an order have the order's number as their key, and so keep their order.
protocol OrderMessage: TypedMessage {
    var number: Int { get }
}

extension OrderMessage {
    var messageKey: String? { "\(number)" }
}

struct PlaceOrder: DomainCommand, OrderMessage {
    var order: Order
    var number: Int { order.number }
}

struct CompleteOrder: DomainCommand, OrderMessage {
    var number: Int
}

struct CancelOrder: DomainCommand, OrderMessage {
    var number: Int
    var reason: String
}

struct OrderPlaced: DomainEvent, OrderMessage {
    var order: Order
    var number: Int { order.number }
}

struct OrderCompleted: DomainEvent, OrderMessage {
    var number: Int
}

struct OrderCancelled: DomainEvent, OrderMessage {
    var number: Int
    var reason: String
}
