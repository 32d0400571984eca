import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

@testable import Orders

@Suite(.timeLimit(.minutes(1))) struct OrderServiceTests {
    @Test("An order comes apart into its lines, and the log says whose they are")
    func split() async throws {
        let broker = MemoryTransport()
        let events = RecordingObserver(level: .info)
        let router = try orderService(on: broker, RouterOptions(service: "orders", observers: [events]))
        let lines = try await TopicProbe(of: "lines", on: broker)
        try await withRunning(router) {
            try await broker.publish(Message(encoding: Order(number: 7, customer: "ada", lines: ["tea", "jam"])), to: "orders")
            #expect(try await lines.collect(2).map { try $0.decode(String.self) } == ["tea", "jam"])
        }
        let line = try await events.event { if case .log("split", "split", _) = $0.kind { true } else { false } }
        #expect(line.fields.contains { $0 == ("order", 7) } && line.fields.contains { $0 == ("lines", 2) })
    }

    @Test("The context goes to functions and actors")
    func bulk() async throws {
        let broker = MemoryTransport()
        let router = try orderService(on: broker)
        try await withRunning(router) {
            let order = Order(number: 8, customer: "bob", lines: Array(repeating: "nail", count: 11))
            try await broker.publish(Message(encoding: order), to: "orders")
            try await withTimeLimit(.seconds(30), "a page") {
                while await Pager.shared.pages.isEmpty { await Task.yield() }
            }
        }
        #expect(await Pager.shared.pages.first?.hasPrefix("orders.bulk: ") == true)
    }

    @Test("Middleware in a place where it does not work is refused")
    func place() throws {
        let router = Router {
            Stopwatch()
            Retry()
        }
        let error = #expect(throws: MillraceError.self) {
            try router.consume("audit", from: "lines", on: MemoryTransport()) { _, _ in }
        }
        #expect(error?.code == .invalidMiddlewareOrder && error?.message.contains("pauses between attempts") == true)
    }

    @Test("Groups are those of the service")
    func groups() throws {
        let router = try orderService(on: MemoryTransport())
        #expect(router.describe().handlers.map(\.group) == ["orders.route", "orders.split", "orders.page", "orders.audit"])
    }

    @Test("A command is handled by an actor")
    func shipping() async throws {
        let broker = MemoryTransport()
        let router = Router()
        let cqrs = CQRS(on: broker, topics: .perType(prefix: "shop."))
        let dispatcher = Dispatcher()
        try addShipping(to: router, cqrs, dispatcher)
        let shipped = try await TopicProbe(of: "shop.Shipped", on: broker)
        try await withRunning(router) {
            try await cqrs.send(Ship(order: 7))
            _ = try await shipped.next()
        }
        #expect(await dispatcher.shipped == [7])
    }
}
