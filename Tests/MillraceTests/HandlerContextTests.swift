import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

/// A context that is handed around, and kept.
@Suite(.timeLimit(.minutes(1))) struct HandlerContextTests {
    private let events = RecordingObserver(level: .warning)

    private func run(
        _ messages: [Message], @MiddlewareBuilder _ middleware: () -> [any Middleware] = { [] },
        _ handler: @escaping @Sendable (Message, HandlerContext) async throws -> Void
    ) async throws {
        let bench = try Bench(observers: [events])
        try await bench.run(messages, middleware: middleware) { message, context in
            try await handler(message, context)
            return [message]
        } _: { out in
            for _ in messages { _ = try await out.next() }
        }
    }

    private static let messages = (1...50).map { Message(id: MessageID("m\($0)"), text: "") }

    @Test("A worker goes on with one context as long as nobody keeps it")
    func reused() async throws {
        let seen = Box<Set<ObjectIdentifier>>([])
        try await run(Self.messages) { _, context in seen.update { _ = $0.insert(ObjectIdentifier(context)) } }
        #expect(seen.value.count == 1)
    }

    @Test("What is kept goes on telling of its own message")
    func kept() async throws {
        let kept = Box<[HandlerContext]>([])
        try await run(Self.messages) { _, context in kept.update { $0.append(context) } }
        #expect(kept.value.map { $0.messageID?.description } == Self.messages.map(\.id.description))
        #expect(Set(kept.value.map(ObjectIdentifier.init)).count == Self.messages.count)
    }

    @Test("A context can be handed to an actor, to a task and to a function that runs elsewhere")
    func handedAround() async throws {
        let desk = Desk()
        let seen = Box<[String?]>([])
        try await run(Self.messages) { _, context in
            await desk.take(context)
            async let id = elsewhere(context)
            let other = await Task { context.messageID?.description }.value
            let ids = [await id, other]
            seen.update { $0 += ids }
        }
        #expect(await desk.seen == Self.messages.map(\.id.description))
        #expect(seen.value == Self.messages.flatMap { [$0.id.description, $0.id.description] })
    }

    @Test("What is called when the handler has returned does nothing, and is reported")
    func late() async throws {
        let kept = Box<HandlerContext?>(nil)
        try await run([Message(id: "m1", text: ""), Message(id: "m2", text: "")]) { message, context in
            guard message.id == "m2" else { return kept.update { $0 = context } }
            let first = try #require(kept.value)
            first.acknowledge()
            first.onOutcome { _ in Issue.record("nobody is to call this") }
            first.trace = .root(RandomSource(seed: 1))
            #expect(!first.isAcknowledged && first.trace == nil)
        }
        let calls = events.events.compactMap { event -> String? in
            guard case .contextClosed("h", "m1", let call) = event.kind else { return nil }
            return call
        }
        #expect(calls == ["acknowledge()", "onOutcome(_:)", "trace"])
    }

    @Test("What is noted by whoever keeps the context counts as long as the handler runs")
    func noted() async throws {
        let kept = Box<HandlerContext?>(nil)
        let outcomes = Box(0)
        try await run([Message(text: "")]) { _, context in
            kept.update { $0 = context }
            await Task {
                context.onOutcome { outcome in
                    if case .accepted = outcome { _ = outcomes.increment() }
                }
                context.acknowledge()
            }.value
        }
        #expect(kept.value?.isAcknowledged == true)
        #expect(outcomes.value == 1)
        #expect(events.events.isEmpty)
    }

    @Test("Middleware may try a message twice at the same time")
    func hedged() async throws {
        try await run(Self.messages) {
            Hedge()
            TracingMiddleware(exportingTo: Discard())
            MetricsMiddleware(in: MetricsRegistry())
        } _: { _, context in
            await Task.yield()
            if context.attempt > 1 { throw Flaky() }
        }
        #expect(events.events.isEmpty)
    }
}

private func elsewhere(_ context: HandlerContext) async -> String? { context.messageID?.description }

private actor Desk {
    var seen: [String] = []

    func take(_ context: HandlerContext) { seen.append(context.messageID?.description ?? "") }
}

/// Calls what stands inside twice, at once.
private struct Hedge: Middleware {
    func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        async let first = next(message, context)
        async let second = next(message, context)
        _ = try await second
        return try await first
    }
}

private struct Discard: SpanExporter {
    func export(_ span: SpanData) {}
}
