import Millrace
import MillraceNATS
import MillraceTesting
import TestSupport
import Testing

extension NATSTests {
    /// Handlers of a router on NATS.
    @Suite struct Routers {
        @Test(
            "A router takes, handles and publishes, with JetStream and with core NATS",
            arguments: [NATSOptions.Mode.jetStream, .core])
        func pipeline(mode: NATSOptions.Mode) async throws {
            let transport = try await NATSServer.shared.connect { $0.mode = mode }
            let (input, output) = ("in-\(MessageID.next())", "out-\(MessageID.next())")
            let probe = try await TopicProbe(of: output, on: transport)
            let router = Router { Retry(attempts: 2, backoff: .constant()) }
            try router.handle("double", from: input, on: transport, to: output) { message, _ in
                [Message(text: "\(message.payload.text ?? "") twice")]
            }
            try await withRunning(router) {
                try await transport.publish((0..<100).map { Message(text: "\($0)") }, to: input)
                let texts = try await probe.collect(100).map { $0.payload.text ?? "" }
                #expect(Set(texts) == Set((0..<100).map { "\($0) twice" }))
            }
            await transport.close()
        }

        @Test(
            "Spans of a handler of wildcards say which subject a message came by",
            arguments: [NATSOptions.Mode.jetStream, .core])
        func spans(mode: NATSOptions.Mode) async throws {
            let transport = try await NATSServer.shared.connect { $0.mode = mode }
            let topic = "spans-\(MessageID.next())"
            let (exporter, events) = (InMemorySpanExporter(), RecordingObserver())
            let router = Router(.init(observers: [events])) { TracingMiddleware(exportingTo: exporter) }
            try router.consume("h", from: "\(topic).*", on: transport) { _, _ in }
            let message = Message(text: "x")
            try await withRunning(router) {
                try await transport.publish(message, to: "\(topic).new")
                let id = message.id
                try await events.event { if case .messageHandled(_, id, _) = $0.kind { true } else { false } }
            }
            await transport.close()
            let attributes = Dictionary(exporter.spans.first?.attributes ?? [], uniquingKeysWith: { first, _ in first })
            #expect(attributes["messaging.system"] == "nats")
            #expect(attributes["messaging.destination.name"] == .string("\(topic).new"))
            #expect(attributes["messaging.destination.template"] == .string("\(topic).*"))
        }
    }
}
