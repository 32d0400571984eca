import Millrace
import MillraceMemory
import Testing

/// Middleware of a user's that says where it belongs.
@Suite struct MiddlewarePlaceTests {
    private func refusal(@MiddlewareBuilder _ middleware: () -> [any Middleware]) throws -> MillraceError? {
        let broker = try quietBroker()
        let router = Router(.quiet, middleware: middleware)
        do {
            try router.consume("audit", from: "t", on: broker) { _, _ in }
            return nil
        } catch {
            return error as? MillraceError
        }
    }

    @Test("It is refused in another place, with the reason and the order that works")
    func refused() throws {
        let outside = try refusal {
            Ledger()
            Correlation()
            Retry()
        }
        #expect(outside?.code == .invalidMiddlewareOrder)
        #expect(
            outside?.message == """
                handler 'audit': Ledger stands outside of Retry, so it would book each message once. \
                It is Ledger > Correlation > Retry, outermost first; what works is Retry > Correlation > Ledger
                """)
        let inside = try refusal {
            Retry()
            Timeout(.seconds(1))
            Ledger()
        }
        #expect(
            inside?.message.hasPrefix("handler 'audit': Ledger stands inside of Timeout, so a booking could be cut off.") == true)
        #expect(inside?.message.hasSuffix("what works is Retry > Ledger > Timeout") == true)
    }

    @Test("It is accepted in its place, and where what it speaks of is not there")
    func accepted() throws {
        #expect(
            try refusal {
                Retry()
                Ledger()
                Timeout(.seconds(1))
            } == nil)
        #expect(try refusal { Ledger() } == nil)
    }

    @Test("Where no order can work, that is what is said")
    func contradiction() throws {
        let error = try refusal {
            Ledger()
            Retry()
            Stubborn()
        }
        #expect(error?.message.hasSuffix("no order works, as what they say of their places can't all be true") == true)
    }
}

private struct Ledger: StagedMiddleware, PlacedMiddleware {
    static var places: [MiddlewarePlace] {
        [
            .inside(of: Retry.self, otherwise: "it would book each message once"),
            .outside(of: Timeout.self, otherwise: "a booking could be cut off"),
        ]
    }
}

private struct Stubborn: StagedMiddleware, PlacedMiddleware {
    static var places: [MiddlewarePlace] {
        [
            .inside(of: Ledger.self, otherwise: "a"), .outside(of: Retry.self, otherwise: "b"),
            .inside(of: Retry.self, otherwise: "c"),
        ]
    }
}
