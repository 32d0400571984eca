@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct IgnoreErrorsTests {
    private struct Gone: Error {}
    private struct Other: Error { let text = "Gone()" }
    private class Base: Error, @unchecked Sendable {}
    private final class Derived: Base, @unchecked Sendable {}

    /// Whether an error of the handler is ignored; if not it is poisoned.
    private func isIgnored(_ error: any Error, by middleware: IgnoreErrors) async throws -> Bool {
        let events = RecordingObserver()
        let bench = try Bench(observers: [events])
        let isIgnored = Box(false)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            middleware
        } handler: { message, _ in
            throw error
        } _: { _ in
            let end = try await events.event {
                switch $0.kind {
                case .errorIgnored, .messagePoisoned: true
                default: false
                }
            }
            if case .errorIgnored = end.kind { isIgnored.update { $0 = true } }
        }
        let depth = bench.broker.depth(of: "in", group: "h")
        #expect(depth?.waiting == 0 && depth?.delayed == 0)
        return isIgnored.value
    }

    @Test("Errors are told by their type, not by their text")
    func types() async throws {
        let middleware = IgnoreErrors(Gone.self, Base.self)
        #expect(try await isIgnored(Gone(), by: middleware))
        #expect(try await isIgnored(Derived(), by: middleware))
        #expect(try await isIgnored(Other(), by: middleware) == false)
    }

    @Test("The errors behind a MillraceError are looked at")
    func chains() async throws {
        let inner = MillraceError(.publishFailed, "inner", underlying: Gone(), isRetriable: true)
        let outer = MillraceError(.timedOut, "outer", underlying: inner, isRetriable: true)
        #expect(try await isIgnored(outer, by: IgnoreErrors(Gone.self)))
        #expect(try await isIgnored(outer, by: IgnoreErrors { ($0 as? MillraceError)?.code == .publishFailed }))
        #expect(try await isIgnored(outer, by: IgnoreErrors(Other.self)) == false)
    }

    @Test("It is reported at the level that was asked for")
    func level() async throws {
        let events = RecordingObserver()
        try await Bench(observers: [events]).run {
            IgnoreErrors(Flaky.self, reportedAt: .debug)
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            let event = try await events.event { if case .errorIgnored = $0.kind { true } else { false } }
            #expect(event.level == .debug)
        }
    }

    @Test("The wish to see a message again is not ignored, nor is cancellation")
    func wishes() async throws {
        let calls = Box(0)
        try await Bench().run {
            IgnoreErrors { _ in true }
        } handler: { message, _ in
            let call = calls.increment()
            if call == 1 { throw RetryLater(after: .zero, because: Gone()) }
            return [message]
        } _: { out in
            _ = try await out.next()
        }
        #expect(calls.value == 2)

        let broker = try quietBroker()
        let started = Signal()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(1), observers: [])) { IgnoreErrors { _ in true } }
        try router.consume("h", from: "in", on: broker) { _, _ in
            started.fire()
            try await Signal().wait()
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await started.wait()
        }
        #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
    }
}
