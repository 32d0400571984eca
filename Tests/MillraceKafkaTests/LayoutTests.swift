import Foundation
import Millrace
import MillraceKafka
import MillraceTesting
import Testing

extension KafkaTests {
    /// Watermill's layout, as `kcat` sees it.
    @Suite("The layout") struct Layout {
        private struct Record: Decodable {
            var headers: [String]?
            var key: String?
            var payload: String?
        }

        private let topic = "layout-\(MessageID.next())"

        @Test("of what is written is a header for the id and one for each key of the metadata") func written() async throws {
            let cluster = try MockCluster.shared.get()
            cluster.create(topic, partitions: 1)
            let transport = try await KafkaTransport(cluster.options, observers: Observers())
            let messages = [
                Message(text: "hällo", key: "ada", metadata: ["name": "Order.Placed", "empty": "", "unicode": "鍵"]),
                Message(id: MessageID("foreign id"), payload: []),
            ]
            try await transport.publish(messages, to: topic)
            await transport.close()
            let output = try await Kcat.run(cluster, ["-C", "-t", topic, "-e", "-J", "-o", "beginning"])
            let records = try output.split(separator: "\n").map { try JSONDecoder().decode(Record.self, from: Data($0.utf8)) }
            #expect(records.count == 2)
            #expect(
                records.first?.headers == [
                    "_watermill_message_uuid", messages[0].id.description, "name", "Order.Placed", "empty", "", "unicode", "鍵",
                ])
            #expect(records.first?.key == "ada" && records.first?.payload == "hällo")
            #expect(records.last?.headers == ["_watermill_message_uuid", "foreign id"])
            #expect(records.last?.key == nil && records.last?.payload == "")
        }

        @Test("of Watermill is read") func read() async throws {
            let cluster = try MockCluster.shared.get()
            cluster.create(topic, partitions: 1)
            let id = MessageID.next()
            _ = try await Kcat.run(
                cluster,
                ["-P", "-t", topic, "-k", "ada", "-H", "_watermill_message_uuid=\(id)", "-H", "name=Order.Placed"],
                input: "hällo\n")
            let transport = try await KafkaTransport(cluster.options, observers: Observers())
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(start: .beginning))
            var batch = DeliveryBatch()
            _ = try await reader.pull(into: &batch, upTo: 1)
            let message = try #require(batch.records.first?.message)
            #expect(message == Message(id: id, text: "hällo", key: "ada", metadata: ["name": "Order.Placed"]))
            await transport.close()
        }
    }
}
