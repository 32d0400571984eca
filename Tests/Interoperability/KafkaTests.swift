import Millrace
import MillraceKafka
import TestSupport
import Testing

extension InteroperabilityTests {
    /// With `kcat` and Confluent's client for Python, on librdkafka's mock brokers.
    @Suite struct Kafka {
        static let clients: [any ForeignClient] = [Kcat(), PythonClient(script: "kafka_client.py")]

        private func samples(_ client: any ForeignClient) -> [Sample] {
            Sample.all().filter { !(client is Kcat) || Kcat.canCarry($0) }
        }

        private func connect(_ mock: KafkaMock) async throws -> KafkaTransport {
            var options = KafkaOptions(servers: mock.servers)
            options.maximumMessageSize = 4 << 20
            options.receivesTimestamps = false
            options.properties = ["fetch.wait.max.ms": "50"]
            return try await KafkaTransport(options, observers: Observers())
        }

        @Test("What Millrace writes, they read, byte for byte", arguments: clients)
        func written(_ client: any ForeignClient) async throws {
            let (mock, topic, samples) = (try await KafkaMock.shared, name("written"), samples(client))
            try await mock.create(topic)
            let transport = try await connect(mock)
            try await transport.publish(samples.map(\.message), to: topic)
            await transport.close()
            let records = try await client.read(samples.count, of: topic, at: mock.url)
            expect(records, are: samples.map { ($0.name, $0.kafka) }, fieldsHaveOrder: true)
        }

        @Test("What they write as Watermill does, Millrace reads", arguments: clients)
        func read(_ client: any ForeignClient) async throws {
            let (mock, topic, samples) = (try await KafkaMock.shared, name("read"), samples(client))
            try await mock.create(topic)
            try await client.write(samples.map(\.kafka), to: topic, at: mock.url)
            let transport = try await connect(mock)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(start: .beginning))
            expect(try await take(samples.count, of: reader), are: samples)
            await reader.close()
            await transport.close()
        }

        @Test("What they write in any other way is delivered as well")
        func foreign() async throws {
            let (mock, topic) = (try await KafkaMock.shared, name("foreign"))
            try await mock.create(topic)
            let records = [
                WireRecord(body: Array("bare".utf8)),
                WireRecord(key: Array("gone".utf8), body: nil),
                WireRecord(key: [], body: []),
                WireRecord(
                    fields: [.init("odd", [0x61, 0xFF]), .init("null", nil), .init("twice", "1"), .init("twice", "2")],
                    key: [0xC3], body: [0xFF, 0x00]),
                WireRecord(fields: [.init("_watermill_message_uuid", "mine")], body: Array("id".utf8)),
                WireRecord(body: [UInt8](repeating: 0x61, count: 1 << 20)),
            ]
            try await PythonClient(script: "kafka_client.py").write(records, to: topic, at: mock.url)
            let transport = try await connect(mock)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(start: .beginning))
            let messages = try await take(records.count, of: reader)
            #expect(messages[0].payload.text == "bare" && messages[0].key == nil && messages[0].metadata.isEmpty)
            #expect(messages[0].id == MessageID("\(topic)-0-0"))
            #expect(messages[1].payload.isEmpty && messages[1].key == "gone")
            #expect(messages[1].metadata == [KafkaMetadata.tombstone: "true"])
            #expect(messages[2].payload.isEmpty && messages[2].metadata.isEmpty)
            #expect(Array(messages[3].payload) == [0xFF, 0x00] && messages[3].key == "\u{FFFD}")
            #expect(messages[3].metadata == ["odd": "a\u{FFFD}", "null": "", "twice": "2"])
            #expect(messages[4].id == "mine" && messages[4].metadata.isEmpty)
            #expect(messages[5].payload.count == 1 << 20)
            await reader.close()
            await transport.close()
        }
    }
}
