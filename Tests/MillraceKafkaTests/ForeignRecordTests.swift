import Millrace
import MillraceKafka
import MillraceTesting
import Testing

extension KafkaTests {
    /// Records that others have written.
    @Suite("Records of other layouts") struct ForeignRecords {
        @Test("are delivered, whatever they hold, and what comes after them") func delivered() async throws {
            let cluster = try MockCluster.shared.get()
            let topic = "foreign-\(MessageID.next())"
            cluster.create(topic, partitions: 1)
            let producer = try ForeignProducer(cluster)
            let large = [UInt8](repeating: 0x61, count: 1 << 20)
            producer.send(Array("bare".utf8), key: nil, to: topic)
            producer.send(nil, key: Array("gone".utf8), to: topic)
            producer.send([], key: [], to: topic)
            producer.send(
                [0xFF, 0x00], key: [0xC3],
                headers: [("odd", [0x61, 0xFF]), ("null", nil), ("twice", [0x31]), ("twice", [0x32])],
                to: topic)
            producer.send(Array("id".utf8), key: nil, headers: [("_watermill_message_uuid", Array("mine".utf8))], to: topic)
            producer.send(large, key: nil, to: topic)

            var options = cluster.options
            options.receivesTimestamps = true
            let transport = try await KafkaTransport(options, observers: Observers())
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g-\(MessageID.next())"))
            let messages = try await withTimeLimit(KafkaTests.patience, "six records") {
                var batch = DeliveryBatch()
                while batch.count < 6, try await reader.pull(into: &batch, upTo: 6 - batch.count) {}
                return batch.records.map(\.message)
            }
            #expect(messages[0].payload.text == "bare" && messages[0].key == nil)
            #expect(messages[0].id == MessageID("\(topic)-0-0"))
            #expect(messages[0].metadata[KafkaMetadata.timestamp].flatMap { Int64($0) } ?? 0 > 1_700_000_000_000)
            #expect(messages[0].metadata[KafkaMetadata.tombstone] == nil)
            #expect(messages[1].payload.isEmpty && messages[1].key == "gone")
            #expect(messages[1].metadata[KafkaMetadata.tombstone] == "true")
            #expect(messages[2].payload.isEmpty && messages[2].metadata[KafkaMetadata.tombstone] == nil)
            #expect(Array(messages[3].payload) == [0xFF, 0x00] && messages[3].key == "\u{FFFD}")
            #expect(messages[3].metadata["odd"] == "a\u{FFFD}" && messages[3].metadata["null"] == "")
            #expect(messages[3].metadata["twice"] == "2")
            #expect(messages[4].id == MessageID("mine") && messages[4].metadata["_watermill_message_uuid"] == nil)
            #expect(messages[5].payload.count == 1 << 20)
            await transport.close()
        }

        @Test("can be written: tombstones, times and partitions") func written() async throws {
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
