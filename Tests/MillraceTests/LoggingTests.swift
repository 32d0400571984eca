@testable import Millrace
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct LoggingTests {
    private func lines(
        _ logging: LoggingMiddleware, listeningTo level: EventLevel = .trace, fails: Bool = false
    ) async throws -> [(level: EventLevel, fields: [String: String])] {
        let events = RecordingObserver(level: level)
        let bench = try Bench(clock: ManualClock(), observers: [events])
        try await bench.run([Message(id: "m1", text: "häppy", key: "k")]) {
            PoisonQueue("out", on: bench.broker)
            logging
        } handler: { message, context in
            if fails { throw Reject("no") }
            return [message]
        } _: { out in
            _ = try await out.next()
        }
        return events.events.compactMap { event in
            guard case .log(let message, _, let fields) = event.kind else { return nil }
            return (event.level, Dictionary(fields.map { ($0, $1.description) } + [("message", message)]) { $1 })
        }
    }

    @Test("There is a line before and one after the handler, with what one looks for and without the payload")
    func success() async throws {
        let lines = try await lines(LoggingMiddleware())
        #expect(lines.map(\.level) == [.debug, .debug])
        #expect(
            lines.first?.fields == [
                "message": "handling", "id": "m1", "topic": "in", "attempt": "1", "key": "k", "bytes": "6",
            ])
        #expect(
            lines.last?.fields == [
                "message": "handled", "topic": "in", "id": "m1", "attempt": "1", "took": "0 ns", "outputs": "1",
            ])
    }

    @Test("A failure has its own line and level")
    func failure() async throws {
        let lines = try await lines(LoggingMiddleware(started: nil, finished: .info, failed: .warning), fails: true)
        #expect(lines.map(\.level) == [.warning])
        #expect(
            lines.first?.fields == [
                "message": "failed", "topic": "in", "id": "m1", "attempt": "1", "took": "0 ns", "error": "no",
            ])
    }

    @Test("The payload is shown up to a limit, if asked for")
    func payload() async throws {
        #expect(try await lines(LoggingMiddleware(payloadUpTo: 100)).first?.fields["payload"] == "häppy")
        #expect(try await lines(LoggingMiddleware(payloadUpTo: 2)).first?.fields["payload"] == "h\u{FFFD}")
    }

    @Test("Where nobody listens there is no such middleware")
    func silence() async throws {
        #expect(try await lines(LoggingMiddleware(level: .debug), listeningTo: .info).isEmpty)
        let broker = try quietBroker()
        let router = Router(.quiet) { LoggingMiddleware() }
        try router.consume("h", from: "in", on: broker) { _, _ in }
        let definition = HandlerDefinition(
            name: "h", topic: "in", subscriber: broker, output: nil, publisher: nil, options: .init(),
            body: .message { _, _ in [] })
        let info = HandlerInfo(
            definition, environment: RouterEnvironment(.quiet), control: HandlerControl())
        #expect((try LoggingMiddleware().attached(to: info) as? any StagedMiddleware)?.stages == [])
    }

    @Test("A limit below 1 is refused")
    func parameters() throws {
        let broker = try quietBroker()
        let router = Router(.quiet) { LoggingMiddleware(payloadUpTo: 0) }
        let error = #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: broker) { _, _ in } }
        #expect(error?.message == "handler 'h': LoggingMiddleware: payloadUpTo is 0, it must be at least 1")
    }

    @Test("A cancelled handler is logged as failed, and its message comes back")
    func cancellation() async throws {
        let events = RecordingObserver()
        let broker = try quietBroker()
        let started = Signal()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(1), observers: [events])) { LoggingMiddleware() }
        try router.consume("h", from: "in", on: broker) { _, _ in
            started.fire()
            try await Signal().wait()
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await started.wait()
        }
        #expect(events.count { if case .log("failed", _, _) = $0.kind { true } else { false } } == 1)
        #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
    }
}
