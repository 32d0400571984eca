import Millrace
import MillraceMemory
import MillraceTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct BatchMiddlewareTests {
    struct Refused: Error {}

    /// Notes what it sees, and what a handler within it can see of it.
    private struct Bracket: BatchMiddleware {
        @TaskLocal static var open: [String] = []
        let label: String
        let note: @Sendable (String) -> Void

        func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
            try await next(message, context)
        }

        func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
            note("\(label) \(batch.count)")
            do {
                try await Self.$open.withValue(Self.open + [label]) { try await next(batch, context) }
            } catch {
                note("\(label) \(error)")
                throw error
            }
        }
    }

    @Test("What can stand around a batch does, the first outermost")
    func batchesPassThroughIt() async throws {
        let bench = try Bench()
        let (lines, notes) = AsyncStream.makeStream(of: String.self)
        let router = Router(bench.options) {
            Bracket(label: "outer") { notes.yield($0) }
        }
        let own = HandlerOptions {
            Correlation()
            Bracket(label: "inner") { notes.yield($0) }
        }
        try router.consumeBatches("index", from: "pages", on: bench.broker, upTo: 2, within: .seconds(60), options: own) {
            _, context in
            notes.yield("\(Bracket.open) \(context.messageID == nil)")
            notes.finish()
            throw Refused()
        }
        #expect(router.describe().handlers.map(\.middleware) == [["Bracket", "Correlation", "Bracket"]])
        try await withRunning(router) {
            try await bench.broker.publish([Message(text: "1"), Message(text: "2")], to: "pages")
            let seen = await lines.reduce(into: []) { $0.append($1) }
            #expect(seen == ["outer 2", "inner 2", "[\"outer\", \"inner\"] true"])
        }
    }

    @Test("What it throws is the batch's failure, as if the handler had thrown it")
    func itsErrorsAreTheHandlers() async throws {
        let events = RecordingObserver()
        let bench = try Bench(observers: [events])
        let router = Router(bench.options) { Bracket(label: "outer") { _ in } }
        try router.consumeBatches("index", from: "pages", on: bench.broker, upTo: 1, within: .zero) { _, _ in throw Refused() }
        try await withRunning(router) {
            try await bench.broker.publish([Message(text: "1")], to: "pages")
            try await events.event {
                if case .messageFailed(_, _, _, _, 1, _, let error) = $0.kind { error is Refused } else { false }
            }
        }
    }

    // MARK: What stands around single messages

    private func registering(
        without left: [any Middleware.Type] = [], @MiddlewareBuilder _ middleware: () -> [any Middleware]
    ) throws -> [String] {
        let router = Router(.quiet, middleware: middleware)
        try router.consumeBatches("index", from: "in", on: quietBroker(), upTo: 1, within: .zero, without: left) { _, _ in }
        return router.describe().handlers[0].middleware
    }

    private struct TenantCheck: StagedMiddleware {}

    @Test("It is refused by name, unless the handler says that it does without")
    func singleMessagesOnly() throws {
        let error = #expect(throws: MillraceError.self) {
            try registering {
                Retry()
                TenantCheck()
            }
        }
        #expect(error?.code == .unsupported)
        #expect(
            error?.message == """
                handler 'index': it takes batches, and TenantCheck stands around single messages; take it out of the list, \
                or say 'without: [TenantCheck.self]' where the handler is registered
                """)
        let rest = try registering(without: [TenantCheck.self, Deduplicate.self]) {
            Retry()
            TenantCheck()
            Deduplicate()
        }
        #expect(rest == ["Retry"])
        #expect(throws: MillraceError.self) { try registering { Deduplicate() } }
    }

    @Test("The order of middleware is checked for batches as well")
    func order() {
        let error = #expect(throws: MillraceError.self) {
            try registering {
                Timeout(.seconds(1))
                Retry()
            }
        }
        #expect(error?.code == .invalidMiddlewareOrder)
    }

    // MARK: What deals with failures

    /// Runs a handler of batches until it has no more to do with `count` messages.
    private func run(
        _ count: Int, observers: [any Observer] = [], clock: ManualClock = ManualClock(), options: HandlerOptions = .init(),
        @MiddlewareBuilder _ middleware: (MemoryTransport) -> [any Middleware],
        handler: @escaping @Sendable (HandlerBatch, HandlerContext) async throws -> Void,
        _ body: (_ poison: TopicProbe, ManualClock) async throws -> Void
    ) async throws {
        let bench = try Bench(clock: clock, observers: observers)
        let router = Router(bench.options) { middleware(bench.broker) }
        try await bench.broker.prepare(topic: "in", group: "index")
        try await bench.broker.publish((1...count).map { Message(id: MessageID("\($0)"), text: "\($0)") }, to: "in")
        try router.consumeBatches(
            "index", from: "in", on: bench.broker, upTo: count, within: .zero, options: options, handler)
        // Before there is anything in it.
        let poison = try await TopicProbe(of: "poison", on: bench.broker)
        try await withRunning(router) {
            try await body(poison, clock)
            _ = try await clock.advance(upTo: .seconds(600)) { bench.broker.depth(of: "in", group: "index")?.total == 0 }
        }
    }

    @Test("Retry tries again those that are not settled, together, and PoisonQueue takes those that are left")
    func retryAndPoison() async throws {
        let calls = Box<[[String]]>([])
        let events = RecordingObserver(level: .debug)
        try await run(4, observers: [events]) { broker in
            PoisonQueue("poison", on: broker)
            Retry(attempts: 3, backoff: .constant(.milliseconds(10)))
        } handler: { batch, context in
            let texts = batch.map { $0.message.payload.text ?? "" }
            let count = calls.update { calls in
                calls.append(texts)
                return calls.count
            }
            #expect(context.attempt == count)
            // One more is done each time.
            batch.settle(batch[0], .acknowledge)
            throw Refused()
        } _: { poison, clock in
            let letters = try await clock.advancing(upTo: .seconds(60)) { try await poison.collect(1) }
            let letter = try #require(DeadLetter(letters[0]))
            #expect(letter.message.id == "4" && letter.attempts == 3 && letter.handler == "index")
        }
        #expect(calls.value == [["1", "2", "3", "4"], ["2", "3", "4"], ["3", "4"]])
        #expect(events.count { if case .messagePoisoned = $0.kind { true } else { false } } == 1)
    }

    @Test("An error that is final is not tried again, and takes the unsettled to the poison queue at once")
    func rejected() async throws {
        let calls = Box(0)
        try await run(2) { broker in
            PoisonQueue("poison", on: broker)
            Retry()
        } handler: { _, _ in
            _ = calls.increment()
            throw Reject("no")
        } _: { poison, clock in
            let letters = try await clock.advancing(upTo: .seconds(60)) { try await poison.collect(2) }
            #expect(letters.map(\.id) == ["1", "2"])
        }
        #expect(calls.value == 1)
    }

    @Test("Timeout cancels a batch, and says how large it was")
    func timeout() async throws {
        let errors = Box<[String]>([])
        try await run(2) { _ in
            IgnoreErrors(where: { error in
                errors.update { $0.append("\(error)") }
                return true
            })
            Timeout(.seconds(5))
        } handler: { _, context in
            try await context.clock.sleep(for: .seconds(3_600))
        } _: { _, _ in
        }
        #expect(errors.value.first?.contains("handler 'index' took longer than 5.0 seconds for a batch of 2") == true)
    }

    @Test("Errors that are ignored have the rest acknowledged, and reported for each message")
    func ignored() async throws {
        let events = RecordingObserver()
        try await run(3, observers: [events]) { _ in
            IgnoreErrors(Refused.self)
        } handler: { batch, _ in
            batch.settle(batch[1], .acknowledge)
            throw Refused()
        } _: { _, _ in
        }
        let ids = events.events.compactMap { if case .errorIgnored("index", let id, _) = $0.kind { "\(id)" } else { nil } }
        #expect(ids == ["1", "3"])
    }

    @Test("Throttle takes a token for each message")
    func throttle() async throws {
        let clock = ManualClock()
        let times = Box<[Duration]>([])
        try await run(6, clock: clock, options: .init(prefetch: 6)) { _ in
            Throttle(1, per: .seconds(1), burst: 2)
        } handler: { _, context in
            times.update { $0.append(.nanoseconds(context.clock.now.nanoseconds)) }
        } _: { _, _ in
        }
        // Two at once, and four that take a second each.
        #expect(times.value == [.seconds(4)])
    }

    @Test("A circuit opens after batches that fail, and holds back what they had without counting an attempt")
    func circuit() async throws {
        let events = RecordingObserver()
        let calls = Box(0)
        let attempts = Box<[Int]>([])
        try await run(2, observers: [events], options: .init(maximumAttempts: 2)) { _ in
            CircuitBreaker(minimumCount: 2, openFor: .constant(.seconds(5)))
        } handler: { batch, _ in
            if calls.increment() <= 6 { throw Refused() }
            attempts.update { $0 += batch.map(\.attempt) }
        } _: { _, _ in
        }
        #expect(events.count { if case .circuitOpened = $0.kind { true } else { false } } >= 1)
        // Handed out more often than the handler allows, and not given up.
        #expect(attempts.value.count == 2 && attempts.value.allSatisfy { $0 > 2 })
        #expect(events.count { if case .messageRejected = $0.kind { true } else { false } } == 0)
    }

    @Test("A batch is a span, with a link to the producer of each of its messages")
    func traced() async throws {
        let exporter = InMemorySpanExporter()
        let bench = try Bench()
        let router = Router(bench.options) { TracingMiddleware(exportingTo: exporter) }
        let done = Signal()
        try router.consumeBatches("index", from: "in", on: bench.broker, upTo: 2, within: .seconds(60)) { batch, context in
            #expect(context.trace != nil)
            done.fire()
        }
        let parents = (1...2).map { _ in TraceContext.root(RandomSource()) }
        try await withRunning(router) {
            try await bench.broker.publish(parents.map { Message(text: "", metadata: ["traceparent": $0.traceParent]) }, to: "in")
            try await done.wait()
        }
        let span = try #require(exporter.spans.first)
        #expect(exporter.spans.count == 1 && span.name == "process in" && span.parent == nil)
        #expect(span.links.map(\.traceParent) == parents.map(\.traceParent))
        #expect(span.attributes.contains { $0.0 == "messaging.batch.message_count" && $0.1 == .int(2) })
    }

    @Test("Lines are logged for a batch, with its size")
    func logged() async throws {
        let events = RecordingObserver(level: .debug)
        try await run(2, observers: [events]) { _ in
            LoggingMiddleware()
        } handler: { _, _ in
        } _: { _, _ in
        }
        let lines = events.events.compactMap { event -> String? in
            guard case .log(let text, "index", let fields) = event.kind else { return nil }
            return "\(text) \(fields.first { $0.0 == "count" }?.1 ?? "")"
        }
        #expect(lines == ["handling a batch 2", "handled a batch 2"])
    }
}
