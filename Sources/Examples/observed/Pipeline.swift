import Millrace
import MillraceHTTP
import MillraceMemory

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

struct Order: Codable {
    var number: Int
}

/// The bank did not answer; it will the next time.
struct BankTimedOut: Error {}

/// Orders become invoices, invoices are booked. Some orders need a second attempt, some can't succeed.
func makeRouter(on broker: MemoryTransport, _ metrics: MetricsRegistry, _ endpoint: HTTPEndpoint) throws -> Router {
    let router = Router(.init(observers: [], plugins: [endpoint])) {
        MetricsMiddleware(in: metrics)
        PoisonQueue("orders.poison", on: broker)
        Retry(attempts: 3, backoff: .exponential(from: .milliseconds(5), upTo: .milliseconds(50)))
    }
    try router.handle("issue-invoice", from: "orders", on: broker, to: "invoices") { message, context in
        let order = try message.decode(Order.self)
        if order.number.isMultiple(of: 7) { throw Reject("order \(order.number) has nothing to pay") }
        if order.number.isMultiple(of: 5), context.attempt == 1 { throw BankTimedOut() }
        return [message]
    }
    try router.consume("ledger", from: "invoices", on: broker, options: .init(concurrency: 2)) { _, context in
        try await context.clock.sleep(for: context.random.duration(upTo: .milliseconds(30)))
    }
    try router.consume("complaints", from: "orders.poison", on: broker) { _, _ in }
    return router
}

/// The port on the command line, 9464 if there is none; nil when it can't be one.
func requestedPort(_ arguments: [String]) -> Int? {
    if arguments.count == 1 { return 9464 }
    guard arguments.count == 3, arguments[1] == "--port", let port = UInt16(arguments[2]) else { return nil }
    return Int(port)
}

/// Ends the process.
func exit(code: Int32) -> Never { exit(code) }
