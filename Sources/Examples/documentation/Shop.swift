import Foundation
import Millrace
import MillraceMemory

struct Order: Codable {
    var id: Int
    var customer: String
    var cents: Int
}

@main struct Shop {
    static func main() async {
        do { try await run() } catch {
            ConsoleLog.writeToStandardError("shop: \(error)")
            exit(1)
        }
    }

    static func run() async throws {
        let broker = MemoryTransport()
        let router = Router {
            PoisonQueue("orders.poison", on: broker)
            Retry(attempts: 5, backoff: .exponential(from: .milliseconds(100), upTo: .seconds(10)))
            Timeout(.seconds(5))
        }
        try router.handle("check", from: "orders", on: broker, to: "invoices") { message, context in
            let order = try message.decode(Order.self)
            guard order.cents > 0 else { throw Reject("order \(order.id) has nothing to pay") }
            return [try Message(encoding: order, key: order.customer)]
        }
        let byCustomer = HandlerOptions(concurrency: 4, ordered: .byKey)
        try router.consume("print", from: "invoices", on: broker, options: byCustomer) { message, context in
            print("invoice:", message.payload.text ?? "")
        }
        async let running: Void = router.run()  // until SIGTERM or Ctrl-C
        try await router.waitUntilRunning()
        for id in 1...3 {
            let order = Order(id: id, customer: "ada", cents: id * 500)
            try await broker.publish(Message(encoding: order, key: order.customer), to: "orders")
        }
        try await running
    }
}
