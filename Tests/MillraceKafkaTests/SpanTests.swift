import Millrace
import MillraceKafka
import MillraceTesting
import Testing

extension KafkaTests {
    /// What spans say of a record, by the semantic conventions for Kafka.
    @Suite("Spans") struct Spans {
        private struct Refused: Error {}

        private let topic = "spans-\(MessageID.next())"

        /// The attributes of the spans in which `messages` are handled, in their order, by a handler of `selection`, that fails at
        /// first if `failing`.
        private func attributes(
            of messages: [Message], from selection: String, failing: Bool = false
        ) async throws -> [[String: SpanValue]] {
            let cluster = try MockCluster.shared.get()
            cluster.create(topic, partitions: 3)
            var options = cluster.options
            options.retryTopics = [.milliseconds(50)]
            let transport = try await KafkaTransport(options, observers: Observers())
            let exporter = InMemorySpanExporter()
            let events = RecordingObserver()
            let router = Router(.init(observers: [events])) { TracingMiddleware(exportingTo: exporter) }
            try router.consume(
                "h-\(topic)", from: selection, on: transport, options: .init(redelivery: .constant(.milliseconds(50)))
            ) {
                _, context in
                if failing, context.attempt == 1 { throw Refused() }
            }
            try await transport.publish(messages, to: topic)
            try await withTimeLimit(KafkaTests.patience, "the messages") {
                try await withRunning(router) {
                    for id in messages.map(\.id) {
                        try await events.event { if case .messageHandled(_, id, _) = $0.kind { true } else { false } }
                    }
                }
            }
            await transport.close()
            return exporter.spans.map { Dictionary($0.attributes, uniquingKeysWith: { first, _ in first }) }
        }

        @Test("have partition, offset and key") func places() async throws {
            let metadata: Metadata = [KafkaMetadata.partition: "2"]
            let messages = [
                Message(text: "a", key: "north", metadata: metadata), Message(text: "b", metadata: metadata),
                Message(payload: [], key: "north", metadata: [KafkaMetadata.partition: "2", KafkaMetadata.tombstone: "true"]),
            ]
            let spans = try await attributes(of: messages, from: topic)
            #expect(spans.map { $0["messaging.system"] } == ["kafka", "kafka", "kafka"])
            #expect(spans.map { $0["messaging.destination.partition.id"] } == ["2", "2", "2"])
            #expect(spans.map { $0["messaging.kafka.offset"] } == [0, 1, 2])
            #expect(spans.map { $0["messaging.kafka.message.key"] } == ["north", nil, "north"])
            #expect(spans.map { $0["messaging.kafka.message.tombstone"] } == [nil, nil, true])
            #expect(spans.allSatisfy { $0["messaging.destination.name"] == .string(topic) })
            #expect(spans.allSatisfy { $0["messaging.destination.template"] == nil })
        }

        @Test("name the topic that a record of several topics lay in") func severalTopics() async throws {
            let spans = try await attributes(of: [Message(text: "a")], from: "^\(topic)$")
            #expect(spans.first?["messaging.destination.name"] == .string(topic))
            #expect(spans.first?["messaging.destination.template"] == .string("^\(topic)$"))
        }

        @Test("name the topic for retries that a record lay in the second time") func retries() async throws {
            let spans = try await attributes(of: [Message(text: "a")], from: topic, failing: true)
            #expect(spans.map { $0["millrace.attempt"] } == [1, 2])
            #expect(spans.map { $0["messaging.destination.name"] } == [.string(topic), .string("\(topic).retry.50ms")])
            #expect(spans.allSatisfy { $0["messaging.kafka.offset"] == 0 })
        }

        @Test("keep a key that is not UTF-8 to themselves") func repairedKeys() async throws {
            let spans = try await attributes(of: [Message(text: "a", key: "n\u{FFFD}")], from: topic)
            #expect(spans.count == 1 && spans.first?["messaging.kafka.message.key"] == nil)
        }
    }
}
