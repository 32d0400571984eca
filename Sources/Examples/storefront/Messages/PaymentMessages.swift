import MillraceCQRS

struct TakePayment: DomainCommand, OrderMessage {
    var number: Int
    var customer: String
    var cents: Int
    var payment: Order.Payment
}

struct RefundPayment: DomainCommand, OrderMessage {
    var number: Int
}

/// A customer has had enough time to pay. Comes also when the money is there.
struct PaymentOverdue: DomainCommand, OrderMessage {
    var number: Int
}

struct PaymentTaken: DomainEvent, OrderMessage {
    var number: Int
    var cents: Int
}

struct PaymentRefused: DomainEvent, OrderMessage {
    var number: Int
    var reason: String
}

struct PaymentRefunded: DomainEvent, OrderMessage {
    var number: Int
}
