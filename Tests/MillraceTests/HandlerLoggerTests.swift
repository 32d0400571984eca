@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

/// What the lines of a handler say of themselves.
@Suite(.timeLimit(.minutes(1))) struct HandlerLoggerTests {
    private let events = RecordingObserver(level: .debug)

    /// The fields of the lines that a handler logs for a message.
    private func fields(
        of message: Message, @MiddlewareBuilder _ middleware: () -> [any Middleware] = { [] },
        _ log: @escaping @Sendable (HandlerLogger) throws -> Void
    ) async throws -> [[(String, LogValue)]] {
        let bench = try Bench(clock: ManualClock(), observers: [events])
        try await bench.run([message], middleware: middleware) { message, context in
            try log(context.logger)
            return [message]
        } _: { out in
            _ = try await out.next()
        }
        return events.events.compactMap { event in
            if case .log = event.kind { event.fields } else { nil }
        }
    }

    @Test("A line names handler, topic, message, attempt, correlation and trace, each with its own kind of value")
    func standard() async throws {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let message = Message(id: "m1", text: "", metadata: ["correlation_id": "c1", "traceparent": trace])
        let lines = try await fields(of: message, { TracingMiddleware() }) { $0.info("hello", ["parts": 2]) }
        let line = try #require(lines.first)
        #expect(line.map(\.0) == ["handler", "topic", "id", "attempt", "correlation_id", "trace_id", "span_id", "parts"])
        #expect(
            line.map(\.1)
                == ["h", "in", "m1", 1, "c1", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 2])
    }

    @Test("The attempt is the one in which the line was logged")
    func attempts() async throws {
        let tries = Box(0)
        let lines = try await fields(of: Message(id: "m1", text: ""), { Retry(attempts: 3, backoff: .constant(.zero)) }) {
            logger in
            logger.info("try")
            if tries.increment() < 3 { throw Flaky() }
        }
        #expect(lines.compactMap { $0.first { $0.0 == "attempt" }?.1 } == [1, 2, 3])
    }

    @Test("Bound fields are on all lines, and what a call says takes the place of what was there")
    func bound() async throws {
        let lines = try await fields(of: Message(id: "m1", text: "")) { logger in
            let order = logger.with(["order": 7, "step": "pack"])
            order.info("packed")
            order.info("sent", ["step": "send", "id": "other"])
            logger.info("plain")
        }
        func value(_ key: String) -> [LogValue?] { lines.map { line in line.first { $0.0 == key }?.1 } }
        #expect(value("order") == [7, 7, nil])
        #expect(value("step") == ["pack", "send", nil])
        #expect(value("id") == ["m1", "other", "m1"])
        #expect(lines.allSatisfy { Set($0.map(\.0)).count == $0.count })
    }

    @Test("Nothing is evaluated where nobody listens")
    func silence() {
        let calls = Box(0)
        func text() -> String { "\(calls.increment())" }
        HandlerLogger(Observers([])).error(text(), ["n": calls.increment()])
        #expect(calls.value == 0)
    }
}
