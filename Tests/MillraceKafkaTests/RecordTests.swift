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

        /// As when a topic is made anew, and the group's offsets are still those of the old one.
        @Test("come as well when a group is farther than the partition goes", arguments: [1_000, UInt64(Int64.max), .max])
        func beyondTheEnd(_ low: UInt64) async throws {
            let cluster = try MockCluster.shared.get()
            let topic = "beyond-\(MessageID.next())"
            cluster.create(topic, partitions: 1)
            let transport = try await KafkaTransport(cluster.options, observers: Observers())
            try await transport.publish((0..<5).map { Message(text: "\($0)") }, to: topic)
            let options = SubscriptionOptions(group: "g-\(topic)", start: .after(Position(low: low)))
            var texts: [String?] = []
            for _ in 0..<2 {
                let reader = try await transport.subscribe(to: topic, options)
                let records = try await withTimeLimit(KafkaTests.patience, "five messages") {
                    var batch = DeliveryBatch()
                    while batch.count < 5 { _ = try await reader.pull(into: &batch, upTo: 5 - batch.count) }
                    return Array(batch.records)
                }
                texts += records.map(\.message.payload.text)
                reader.acknowledge(records.map(\.token))
                await reader.close()
                // What is committed now is where the partition is.
                try await transport.publish((5..<10).map { Message(text: "\($0)") }, to: topic)
            }
            #expect(texts == (0..<10).map { "\($0)" })
            await transport.close()
        }
    }
}
