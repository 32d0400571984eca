import Millrace
import MillraceMemory
import MillraceRedis

struct Order: Codable {
    var id: Int
    var customer: String
    var cents: Int
}

/// Orders become invoices, which are printed. Where they go through, the configuration says.
func runService(_ configuration: Configuration, orders: Int) async throws {
    let registry = TransportRegistry(.memory, .redis)
    try await registry.withTransports(configuration) { transports in
        let broker = try transports.default
        let router = try Router(configuration: transports) {
            PoisonQueue("orders.poison", on: broker)
            Retry(attempts: 5)
        }
        try router.handle("issue-invoice", from: "orders", on: broker, to: "invoices") { message, context in
            let order = try message.decode(Order.self)
            guard order.cents > 0 else { throw Reject("order \(order.id) has nothing to pay") }
            return [try Message(encoding: order, key: order.customer)]
        }
        let printed = Countdown(from: orders) { router.shutdown() }
        try router.consume("print", from: "invoices", on: broker) { message, context in
            print("invoice:", message.payload.text ?? "")
            printed.countDown()
        }
        print(router.describe().text)
        async let running: Void = router.run()
        try await router.waitUntilRunning()
        for id in 0..<orders {
            let order = Order(id: id + 1, customer: "ada", cents: 500 + id)
            try await broker.publish(Message(encoding: order, key: order.customer), to: "orders")
        }
        try await running
    }
}
