import Foundation
import Millrace
import MillraceMemory

// Orders become invoices, and what is invoiced is shipped. Some orders need a second attempt, some can't succeed. It needs nothing
// but a Swift toolchain, as messages go through memory, and ends by itself within a few seconds: `swift run quickstart`.
//
//     orders --> invoice --> invoices --> ship
//                   |
//                   +--> orders.poison --> complaints

struct Order: Codable {
    var number: Int
    var customer: String
    var cents: Int
}

struct BankTimedOut: Error, CustomStringConvertible {
    let description = "the bank did not answer"
}

@main struct Quickstart {
    static func main() async {
        do { try await run() } catch {
            ConsoleLog.writeToStandardError("quickstart: \(error)")
            exit(1)
        }
    }

    static func run() async throws {
        let broker = MemoryTransport()
        let books = Books(placed: 24)

        // Around every handler, the outermost first: what has failed three times is set aside.
        let router = Router(RouterOptions(observers: [])) {
            PoisonQueue("orders.poison", on: broker)
            Retry(attempts: 3, backoff: .exponential(from: .milliseconds(100), upTo: .seconds(1)))
        }

        // Four orders at a time. Those of one customer wait for each other, also while one of them waits for its next attempt.
        let fourByKey = HandlerOptions(concurrency: 4, ordered: .byKey)
        try router.handle("invoice", from: "orders", on: broker, to: "invoices", options: fourByKey) { message, context in
            let order = try message.decode(Order.self)
            guard order.cents > 0 else { throw Reject("there is nothing to pay") }  // No attempt can help.
            try await context.clock.sleep(for: .milliseconds(20))  // The bank takes its time, and for some orders it
            let failures = order.number == 13 ? 3 : order.number.isMultiple(of: 5) ? 2 : 0  // fails at first, or always.
            if context.attempt <= failures {
                await books.failed(order, attempt: context.attempt)
                throw BankTimedOut()
            }
            await books.invoiced(order, attempt: context.attempt)
            return [try Message(encoding: order, key: order.customer)]
        }
        try router.consume("ship", from: "invoices", on: broker, options: fourByKey) { message, _ in
            if await books.shipped(try message.decode(Order.self)) { router.shutdown() }
        }
        // What was set aside is a message like any other, with the reason in its metadata.
        try router.consume("complaints", from: "orders.poison", on: broker) { message, _ in
            let reason = message.metadata[MetadataKey.poisonReason] ?? "nobody knows why"
            if await books.setAside(try message.decode(Order.self), reason) { router.shutdown() }
        }

        print("What is connected to what:\n\(router.describe().text)\n\nWhat happens:")
        async let running: Void = router.run()  // until the books are complete, or Ctrl-C, or SIGTERM; then it drains
        try await router.waitUntilRunning()
        for number in 1...books.placed {
            let customer = ["ada", "edsger", "grace", "barbara"][number % 4]
            let order = Order(number: number, customer: customer, cents: number.isMultiple(of: 7) ? 0 : number * 100)
            try await broker.publish(Message(encoding: order, key: customer), to: "orders")
        }
        try await running
        print("\nWhat has become of it:\n\(try await books.balance())")
    }
}
