import MillraceCQRS

struct ShipOrder: DomainCommand, OrderMessage {
    var number: Int
    var sku: String
}

struct OrderShipped: DomainEvent, OrderMessage {
    var number: Int
    var parcel: String
}

struct OutOfStock: DomainEvent, OrderMessage {
    var number: Int
    var sku: String
}
