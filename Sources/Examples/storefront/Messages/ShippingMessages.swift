import MillraceCQRS

struct ShipOrder: Command, OrderMessage {
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
