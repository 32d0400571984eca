import InMemoryLogging
import Logging
import Millrace
import MillraceMemory
import MillraceSwiftLog
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct SwiftLogTests {
    struct Refused: Error {}

    /// A logger at a level, and what it has written.
    private func makeLogger(_ level: Logger.Level) -> (Logger, InMemoryLogHandler) {
        let memory = InMemoryLogHandler()
        var logger = Logger(label: "shop") { _ in memory }
        logger.logLevel = level
        return (logger, memory)
    }

    @Test func eventsAreLinesWithMetadataAndLevels() async throws {
        let (logger, memory) = makeLogger(.trace)
        let broker = MemoryTransport()
        let events = RecordingObserver()
        let router = Router(.init(observers: [SwiftLogObserver(logger), events])) {
            Retry(attempts: 2, backoff: .constant(.zero))
        }
        try router.consume("audit", from: "invoices", on: broker) { _, context in
            if context.attempt == 1 { throw Refused() }
            context.logger.info("noted", ["amount": 7])
        }
        let message = Message(text: "x")
        try await withRunning(router) {
            try await broker.publish(message, to: "invoices")
            try await events.handled(message)
        }
        let entries = memory.entries
        let started = try #require(entries.first { $0.message == "handler started" })
        #expect(started.level == .info)
        #expect(started.metadata["handler"] == "audit" && started.metadata["topic"] == "invoices")
        let retried = try #require(entries.first { $0.message == "message failed, retrying" })
        #expect(retried.level == .debug)
        #expect(retried.metadata["id"] == "\(message.id)" && retried.metadata["attempt"] == .stringConvertible(1))
        let noted = try #require(entries.first { $0.message == "noted" })
        #expect(noted.level == .info)
        #expect(noted.metadata["handler"] == "audit" && noted.metadata["amount"] == .stringConvertible(7))
        #expect(entries.contains { $0.message == "message handled" && $0.level == .trace })
        #expect(entries.last?.message == "router stopped")
    }

    @Test(arguments: [
        (Logger.Level.trace, EventLevel.trace), (.debug, .debug), (.info, .info), (.notice, .warning), (.warning, .warning),
        (.error, .error), (.critical, .error),
    ])
    func theLevelIsTheLoggers(_ level: Logger.Level, _ expected: EventLevel) {
        let (logger, memory) = makeLogger(level)
        let observer = SwiftLogObserver(logger)
        #expect(observer.level == expected)
        for level in EventLevel.allCases { observer.observe(MillraceEvent(level: level, kind: .routerStopped)) }
        #expect(memory.entries.allSatisfy { $0.level >= level })
        #expect(memory.entries.count == (level == .critical ? 0 : EventLevel.allCases.count { $0 >= expected }))
        #expect(SwiftLogObserver(logger, level: .trace).level == .trace)
    }

    @Test func aHandlersLoggerSaysWhichMessageItIsAbout() async throws {
        let (logger, memory) = makeLogger(.notice)
        let broker = MemoryTransport()
        let events = RecordingObserver()
        let router = Router(.init(observers: [SwiftLogObserver(logger), events])) { TracingMiddleware() }
        try router.consume("audit", from: "invoices", on: broker) { _, context in
            if context.attempt == 1 { throw RetryLater(after: .zero) }
            context.swiftLogger.notice("noted", metadata: ["amount": "7"])
        }
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let message = Message(text: "x", metadata: ["traceparent": parent])
        try await withRunning(router) {
            try await broker.publish(message, to: "invoices")
            try await events.handled(message)
        }
        #expect(
            memory.entries.first { $0.message == "noted" }?.metadata == [
                "handler": "audit", "topic": "invoices", "id": "\(message.id)",
                "attempt": .stringConvertible(2),
                "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "amount": "7",
            ])
    }

    @Test func aHandlerOfBatchesHasNoOneMessage() async throws {
        let (logger, memory) = makeLogger(.notice)
        let broker = MemoryTransport()
        let router = Router(.init(observers: [SwiftLogObserver(logger)]))
        let (indexed, signal) = AsyncStream.makeStream(of: Void.self)
        try router.consumeBatches("index", from: "pages", on: broker, upTo: 10, within: .zero) { batch, context in
            context.swiftLogger.notice("indexed")
            signal.yield()
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "pages")
            for await _ in indexed { break }
        }
        #expect(memory.entries.first { $0.message == "indexed" }?.metadata == ["handler": "index", "topic": "pages"])
    }
}
