import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceSQLite

func componentOutbox(_ router: Router, file: SQLiteTransport, broker: any Transport) async throws {
    let outbox = Outbox("outbox", on: file, group: "forwarder")
    try router.register(Forwarder("forwarder", from: "outbox", on: file, to: broker, undeliverableTo: "outbox.dead"))

    try await outbox.publish(Message(text: "paid", key: "ada"), to: "orders")
}

extension ShopDatabase {
    func place(_ number: Int, cents: Int, by outbox: Outbox, on file: SQLiteTransport) throws {
        try SQLiteTransaction.immediate(on: database) { transaction in
            try execute("INSERT INTO orders VALUES (\(number), 'ada', \(cents))")
            let placed = Message(text: "\(cents)", key: "ada")
            try file.publish(outbox.envelope(placed, to: "orders"), to: outbox.topic, in: transaction)
        }
    }
}

func componentDelays(file: SQLiteTransport, broker: any Transport) async throws -> CQRS {
    let outbox = Outbox("outbox", on: file, group: "forwarder")
    try await outbox.publish(Message(text: "water the plants"), to: "reminders", after: .seconds(3_600))

    return CQRS(on: broker, topics: .perType(prefix: "shop."), CQRSOptions(delays: outbox))
}

func componentBridge(_ router: Router, redis: any Transport, kafka: any Transport) throws {
    try router.register(Bridge("to-cloud", from: redis, to: kafka, topics: ["orders": "shop.orders"], link: "cloud"))
    try router.register(Bridge("from-cloud", from: kafka, to: redis, topics: ["shop.orders": "orders"], link: "cloud"))
}

func componentFanIn(_ router: Router, _ broker: any Transport) throws {
    try router.register(FanIn("all-orders", from: ["orders.eu", "orders.us"], on: broker, to: "orders"))
}

func componentFanOut(_ router: Router, _ broker: any Transport, _ orders: OrderList) throws {
    let shared = FanOut("orders", on: broker, group: "shop", to: ["invoice", "audit"])
    try router.consume("invoice", from: "orders", on: shared) { message, context in
        await orders.add(try message.decode(Order.self).id)
    }
    try router.consume("audit", from: "orders", on: shared, options: .init(concurrency: 8)) { message, context in
        context.logger.info("order", ["id": message.id])
    }
}

func requeue(_ broker: MemoryTransport, _ router: Router) throws {
    try router.register(
        Requeuer(
            "requeue-orders", from: "orders.poison", on: broker, after: .exponential(from: .seconds(10), upTo: .seconds(600)),
            maximum: 5, exhaustedTo: "orders.dead"))
}
