import Millrace
import MillraceKafka
import MillraceTesting
import Testing

extension KafkaTests {
    /// What only Kafka's records have.
    @Suite("Records") struct Records {
        @Test("can be tombstones, and have times and partitions") func written() async throws {
            let cluster = try MockCluster.shared.get()
            let topic = "own-\(MessageID.next())"
            cluster.create(topic, partitions: 3)
            var options = cluster.options
            options.receivesTimestamps = true
            let transport = try await KafkaTransport(options, observers: Observers())
            let stone = Message(
                payload: [], key: "k",
                metadata: [
                    KafkaMetadata.tombstone: "true", KafkaMetadata.partition: "2", KafkaMetadata.timestamp: "1700000000123",
                ])
            try await transport.publish(stone, to: topic)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g-\(MessageID.next())"))
            var batch = DeliveryBatch()
            _ = try await reader.pull(into: &batch, upTo: 1)
            let record = try #require(batch.records.first)
            #expect(record.position == Position(high: 2, low: 0))
            #expect(record.message.id == stone.id && record.message.payload.isEmpty)
            #expect(record.message.metadata[KafkaMetadata.tombstone] == "true")
            #expect(record.message.metadata[KafkaMetadata.timestamp] == "1700000000123")
            #expect(record.message.metadata[KafkaMetadata.partition] == nil)
            for (metadata, part) in [
                ([KafkaMetadata.partition: "two"], "the number of a partition"),
                ([KafkaMetadata.partition: "7"], "it has no such partition"),
                ([KafkaMetadata.timestamp: "-1"], "milliseconds since 1970"),
                ([KafkaMetadata.tombstone: "true"], "left out when the payload is not empty"),
            ] as [(Metadata, String)] {
                let error = await #expect(throws: MillraceError.self) {
                    try await transport.publish([Message(text: "x"), Message(text: "y", metadata: metadata)], to: topic)
                }
                #expect(error?.failures.map(\.index) == [1])
                #expect(error?.underlying.map { "\($0)" }?.contains(part) == true, "\(error.map { "\($0)" } ?? "")")
            }
            await transport.close()
        }
    }
}
