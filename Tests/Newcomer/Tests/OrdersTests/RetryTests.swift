import Millrace
import MillraceMemory
import MillraceTesting
import Testing

@testable import Orders

struct NotToday: Error {}

/// Time passes in these tests, and nobody waits for it.
@Suite(.timeLimit(.minutes(1))) struct RetryTests {
    @Test("A failed order is tried again after ten seconds")
    func retry() async throws {
        let clock = ManualClock()
        let broker = MemoryTransport(clock: clock)
        let router = Router(RouterOptions(clock: clock)) { Retry(attempts: 3, backoff: .constant(.seconds(10))) }
        let invoices = try await TopicProbe(of: "invoices", on: broker)
        try router.handle("charge", from: "orders", on: broker, to: "invoices") { message, context in
            guard context.attempt > 1 else { throw NotToday() }
            return [message]
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "7"), to: "orders")
            _ = try await clock.advancing(upTo: .seconds(60)) { try await invoices.next() }
            #expect(clock.elapsed == .seconds(10))
        }
    }

    @Test("What is no order goes to the poison queue at once")
    func poison() async throws {
        let clock = ManualClock()
        let broker = MemoryTransport(clock: clock)
        let router = try orderService(on: broker, RouterOptions(service: "orders", clock: clock))
        let poison = try await TopicProbe(of: "orders.poison", on: broker)
        try await withRunning(router) {
            // It has bytes that are no order: each attempt fails, and the first one is the last, since another can't help.
            try await broker.publish(Message(text: "no order"), to: "orders")
            let letter = try await clock.advancing(upTo: .seconds(60)) { try await poison.next() }
            #expect(DeadLetter(letter)?.handler == "route" && clock.elapsed == .zero)
        }
    }
}
