import InMemoryTracing
import Millrace
import MillraceMemory
import MillraceSwiftTracing
import MillraceTesting
import Testing
import Tracing

@Suite(.timeLimit(.minutes(1))) struct SwiftTracingTests {
    struct Refused: Error {}

    @Test func aPipelineIsOneTraceAndWhatAHandlerDoesIsPartOfIt() async throws {
        let tracer = InMemoryTracer()
        let broker = MemoryTransport()
        let router = Router(.init(observers: [])) { SwiftTracingMiddleware(tracer: tracer) }
        try router.handle("bill", from: "orders", on: broker, to: "invoices") { _, _ in
            // What an HTTP client does that knows of swift-distributed-tracing.
            await tracer.withSpan("POST", ofKind: .client) { _ in await Task.yield() }
            return [Message(text: "invoice")]
        }
        let probe = try await TopicProbe(of: "invoices", on: broker)
        let output = try await withRunning(router) {
            let request = tracer.startSpan("GET /order")
            defer { request.end() }
            let order = Message(text: "order", metadata: [MetadataKey.correlationID: "c-1"])
                .carrying(request.context, by: tracer)
            try await broker.publish(order, to: "orders")
            return try await probe.next()
        }
        let spans = Dictionary(uniqueKeysWithValues: tracer.finishedSpans.map { ($0.operationName, $0) })
        let request = try #require(spans["GET /order"])
        let process = try #require(spans["process orders"])
        let client = try #require(spans["POST"])
        let create = try #require(spans["create invoices"])
        #expect(Set(spans.values.map(\.spanContext.traceID)) == [request.spanContext.traceID])
        #expect(process.kind == .consumer && create.kind == .producer)
        #expect(process.spanContext.parentSpanID == request.spanContext.spanID)
        #expect(process.links.map(\.context.inMemorySpanContext?.spanID) == [request.spanContext.spanID])
        #expect(client.spanContext.parentSpanID == process.spanContext.spanID)
        #expect(create.spanContext.parentSpanID == process.spanContext.spanID)
        #expect(output.metadata[InMemoryTracer.spanIDKey] == create.spanContext.spanID)
        #expect(process.attributes.get("messaging.system") == "memory")
        #expect(process.attributes.get("messaging.destination.name") == "orders")
        #expect(process.attributes.get("messaging.consumer.group.name") == "bill")
        #expect(process.attributes.get("millrace.attempt") == 1)
        #expect(process.attributes.get("messaging.message.conversation_id") == "c-1")
        #expect(create.attributes.get("messaging.message.id") == .string("\(output.id)"))
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test func errorsAreRecordedAndEachAttemptOfTheTransportHasItsSpan() async throws {
        let tracer = InMemoryTracer()
        let broker = MemoryTransport()
        let events = RecordingObserver()
        let router = Router(.init(observers: [events])) { SwiftTracingMiddleware(tracer: tracer) }
        try router.consume("audit", from: "orders", on: broker, options: .init(redelivery: .constant(.zero))) { _, context in
            if context.attempt == 1 { throw Refused() }
        }
        let message = Message(text: "order")
        try await withRunning(router) {
            try await broker.publish(message, to: "orders")
            try await events.handled(message)
        }
        let spans = tracer.finishedSpans
        #expect(spans.map(\.operationName) == ["process orders", "process orders"])
        #expect(spans.map { $0.attributes.get("millrace.attempt") } == [1, 2])
        #expect(spans.map { $0.status?.code } == [.error, nil])
        #expect(spans[0].errors.count == 1)
        #expect(spans[0].attributes.get("error.type") == "Refused")
        // Nothing came with the message.
        #expect(spans.allSatisfy { $0.spanContext.parentSpanID == nil && $0.links.isEmpty })
    }

    @Test func aBatchIsLinkedToEachProducer() async throws {
        let tracer = InMemoryTracer()
        let broker = MemoryTransport()
        let router = Router(.init(observers: [])) { SwiftTracingMiddleware(tracer: tracer) }
        let (sizes, handled) = AsyncStream.makeStream(of: Int.self)
        try router.consumeBatches("index", from: "pages", on: broker, upTo: 3, within: .seconds(60)) { batch, _ in
            await tracer.withSpan("bulk insert") { _ in await Task.yield() }
            handled.yield(batch.count)
        }
        #expect(router.describe().handlers.map(\.middleware) == [["SwiftTracingMiddleware"]])
        let producers = (1...2).map { tracer.startSpan("crawl \($0)") }
        try await withRunning(router) {
            let pages = producers.map { Message(text: "page").carrying($0.context, by: tracer) }
            try await broker.publish(pages + [Message(text: "without a trace")], to: "pages")
            for await size in sizes {
                #expect(size == 3)
                break
            }
        }
        let process = try #require(tracer.finishedSpans.first { $0.operationName == "process pages" })
        #expect(process.kind == .consumer)
        #expect(process.spanContext.parentSpanID == nil)
        #expect(
            process.links.map(\.context.inMemorySpanContext?.spanID) == producers.map { $0.spanContext.spanID })
        #expect(process.attributes.get("messaging.batch.message_count") == 3)
        let insert = try #require(tracer.finishedSpans.first { $0.operationName == "bulk insert" })
        #expect(insert.spanContext.parentSpanID == process.spanContext.spanID)
    }

    @Test func whatAHandlerSaysOfATraceStands() async throws {
        let tracer = InMemoryTracer()
        let broker = MemoryTransport()
        let router = Router(.init(observers: [])) { SwiftTracingMiddleware(tracer: tracer, continuesTraces: false) }
        try router.handle("bill", from: "orders", on: broker, to: "invoices") { _, _ in
            [Message(text: "invoice", metadata: ["in-memory-trace-id": "mine", "in-memory-span-id": "mine"])]
        }
        let probe = try await TopicProbe(of: "invoices", on: broker)
        let request = tracer.startSpan("GET /order")
        let output = try await withRunning(router) {
            try await broker.publish(Message(text: "order").carrying(request.context, by: tracer), to: "orders")
            return try await probe.next()
        }
        #expect(output.metadata[InMemoryTracer.spanIDKey] == "mine")
        let process = try #require(tracer.finishedSpans.first)
        #expect(tracer.finishedSpans.count == 1)
        // A trace of its own, which says where the message is from.
        #expect(process.spanContext.traceID != request.spanContext.traceID)
        #expect(process.links.map(\.context.inMemorySpanContext?.spanID) == [request.spanContext.spanID])
    }
}
