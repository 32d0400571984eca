@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct SpanAttributeTests {
    private static let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    private static let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

    /// What the span of a message says, and how often the transport was asked for it.
    private func span(of message: Message) async throws -> (attributes: [(String, SpanValue)], asked: Int) {
        let exporter = InMemorySpanExporter()
        let broker = Described(base: try quietBroker())
        let router = Router(.quiet) { TracingMiddleware(exportingTo: exporter) }
        try router.handle("h", from: "in", on: broker, to: "out", publishingOn: broker.base) { message, _ in [message] }
        let out = try await TopicProbe(of: "out", on: broker.base)
        try await withRunning(router) {
            try await broker.base.publish(message, to: "in")
            _ = try await out.next()
        }
        return (exporter.spans.first { $0.kind == .consumer }?.attributes ?? [], broker.asked.value)
    }

    @Test("A transport adds to the span of a message, through wrappers, and corrects what is said of all")
    func transports() async throws {
        let message = Message(text: "x", key: "k")
        let (attributes, asked) = try await span(of: message)
        #expect(attributes.filter { $0.0 == "messaging.destination.name" }.map(\.1) == ["exact"])
        #expect(attributes.filter { $0.0 == "shop.place" }.map(\.1) == ["k at 1"])
        #expect(asked == 1)
    }

    @Test("Nobody is asked for the attributes of a span that is not recorded") func unsampledSpans() async throws {
        let message = Message(text: "x", metadata: [MetadataKey.traceParent: Self.unsampled])
        let (attributes, asked) = try await span(of: message)
        #expect(attributes.isEmpty && asked == 0)
        let recorded = try await span(of: Message(text: "x", metadata: [MetadataKey.traceParent: Self.sampled]))
        #expect(!recorded.attributes.isEmpty && recorded.asked == 1)
    }

    @Test("What belongs together by its correlation id is one conversation, as it comes and as it goes")
    func conversations() async throws {
        let exporter = InMemorySpanExporter()
        let message = Message(text: "x", metadata: [MetadataKey.correlationID: "c-1"])
        try await Bench().run([message, Message(text: "y", key: "alone")]) {
            TracingMiddleware(exportingTo: exporter)
        } handler: { message, _ in
            [message]
        } _: { out in
            _ = try await out.collect(2)
        }
        let conversations = exporter.spans.map { span in
            span.attributes.first { $0.0 == "messaging.message.conversation_id" }?.1
        }
        #expect(conversations == ["c-1", "c-1", nil, nil])
    }
}

/// A transport whose subscription says something of its messages, behind a wrapper that knows nothing of that.
private final class Described: Subscriber {
    let base: MemoryTransport
    let asked = Box(0)

    init(base: MemoryTransport) { self.base = base }

    var capabilities: Capabilities { base.capabilities }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        Plain(base: Own(base: try await base.subscribe(to: topic, options), asked: asked))
    }

    private final class Plain: SubscriptionWrapper {
        let base: any Subscription
        init(base: any Subscription) { self.base = base }
    }

    private final class Own: SubscriptionWrapper {
        let base: any Subscription
        let asked: Box<Int>

        init(base: any Subscription, asked: Box<Int>) {
            self.base = base
            self.asked = asked
        }

        func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)] {
            _ = asked.increment()
            return [
                ("messaging.destination.name", "exact"), ("shop.place", .string("\(message.key ?? "") at \(position)")),
            ]
        }
    }
}
