import Millrace
import MillraceAMQP
import MillraceTesting
import Testing

extension AMQPTests {
    /// What spans say of a message, by the semantic conventions for RabbitMQ.
    @Suite("Spans") struct Spans {
        private let topic = "spans-\(MessageID.next())"

        /// The attributes of the spans in which `messages`, published to `target`, are handled by a handler of `pattern`.
        private func attributes(
            of messages: [Message], to target: String, from pattern: String, _ topology: AMQPTopology
        ) async throws -> [[String: SpanValue]] {
            var options = try AMQPOptions(url: try await Conformance.url)
            options.topology = topology
            let transport = try await AMQPTransport(options, observers: Observers())
            let exporter = InMemorySpanExporter()
            let events = RecordingObserver()
            let router = Router(.init(observers: [events])) { TracingMiddleware(exportingTo: exporter) }
            let group: HandlerOptions.Group = transport.capabilities.contains(.groups) ? .handlerName : .none
            try router.consume("h", from: pattern, on: transport, options: .init(group: group)) { _, _ in }
            try await withTimeLimit(AMQPTests.patience, "the messages") {
                try await withRunning(router) {
                    try await transport.publish(messages, to: target)
                    for id in messages.map(\.id) {
                        try await events.event { if case .messageHandled(_, id, _) = $0.kind { true } else { false } }
                    }
                }
            }
            await transport.close()
            return exporter.spans.map { Dictionary($0.attributes, uniquingKeysWith: { first, _ in first }) }
        }

        @Test("have the delivery tag, and no routing key where there is none") func deliveryTags() async throws {
            let spans = try await attributes(
                of: [Message(text: "a"), Message(text: "b")], to: topic, from: topic, .publishSubscribe)
            #expect(spans.map { $0["messaging.system"] } == ["rabbitmq", "rabbitmq"])
            #expect(spans.map { $0["messaging.rabbitmq.message.delivery_tag"] } == [1, 2])
            #expect(spans.map { $0["messaging.rabbitmq.destination.routing_key"] } == [nil, nil])
            #expect(spans.map { $0["messaging.destination.name"] } == [.string(topic), .string(topic)])
        }

        @Test("have the routing key that the topology makes, or the one that the publisher chose") func routingKeys() async throws
        {
            let own = Message(text: "b", metadata: [AMQPMetadata.routingKey: "\(topic).own"])
            let queue = try await attributes(of: [Message(text: "a")], to: topic, from: topic, .queue)
            #expect(queue.map { $0["messaging.rabbitmq.destination.routing_key"] } == [.string(topic)])
            let topology = AMQPTopology.topic(exchange: "exchange-\(topic)")
            let exact = try await attributes(of: [Message(text: "a")], to: "\(topic).new", from: "\(topic).new", topology)
            #expect(exact.map { $0["messaging.rabbitmq.destination.routing_key"] } == [.string("\(topic).new")])
            #expect(exact.map { $0["messaging.destination.template"] } == [nil])
            let spans = try await attributes(of: [Message(text: "a"), own], to: "\(topic).new", from: "\(topic).*", topology)
            let keys: [SpanValue?] = [.string("\(topic).new"), .string("\(topic).own")]
            #expect(spans.map { $0["messaging.rabbitmq.destination.routing_key"] } == keys)
            #expect(spans.map { $0["messaging.destination.name"] } == keys)
            #expect(spans.allSatisfy { $0["messaging.destination.template"] == .string("\(topic).*") })
        }
    }
}
