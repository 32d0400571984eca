import Millrace
import MillraceRedis
import TestSupport
import Testing

extension InteroperabilityTests {
    /// With `redis-cli` and redis-py.
    @Suite struct Redis {
        static let clients: [any ForeignClient] = [RedisCLI(), PythonClient(script: "redis_client.py")]

        private func connect() async throws -> RedisTransport { try await RedisTransport(url: try TestRedis.url) }

        @Test("What Millrace writes, they read, byte for byte", arguments: clients)
        func written(_ client: any ForeignClient) async throws {
            let (topic, samples) = (name("written"), Sample.all())
            let transport = try await connect()
            try await transport.publish(samples.map(\.message), to: topic)
            let records = try await client.read(samples.count, of: topic, at: try TestRedis.url)
            expect(records, are: samples.map { ($0.name, $0.redis) }, fieldsHaveOrder: true)
            try await transport.remove(topic: topic)
            await transport.close()
        }

        @Test("What they write as Watermill does, Millrace reads", arguments: clients)
        func read(_ client: any ForeignClient) async throws {
            let (topic, samples) = (name("read"), Sample.all())
            let transport = try await connect()
            try await transport.prepare(topic: topic, group: "g")
            try await client.write(samples.map(\.redis), to: topic, at: try TestRedis.url)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            expect(try await take(samples.count, of: reader), are: samples)
            await reader.close()
            try await transport.remove(topic: topic)
            await transport.close()
        }

        @Test("What they write in any other way is delivered as well", arguments: clients)
        func foreign(_ client: any ForeignClient) async throws {
            let topic = name("foreign")
            let transport = try await connect()
            try await transport.prepare(topic: topic, group: "g")
            let json = Array(#"{"a":1}"#.utf8)
            let entries: [[WireRecord.Field]] = [
                [.init("customer", "ada"), .init("bytes", [0x61, 0xFF])],
                [.init("payload", [0x00, 0xFF])],
                [.init("_watermill_message_uuid", "mine"), .init("metadata", json), .init("payload", "x")],
                [.init("metadata", [0x81, 0xA1, 0x61, 0x07]), .init("", "unnamed"), .init("payload", "")],
            ]
            try await client.write(entries.map { WireRecord(fields: $0) }, to: topic, at: try TestRedis.url)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            let messages = try await take(entries.count, of: reader)
            #expect(messages[0].metadata == ["customer": "ada", "bytes": "a\u{FFFD}"] && messages[0].payload.isEmpty)
            // The entry's own.
            #expect(messages[0].id.description.contains(/^[0-9]+-[0-9]+$/))
            #expect(Array(messages[1].payload) == [0x00, 0xFF] && messages[1].metadata.isEmpty)
            #expect(messages[2].id == "mine" && messages[2].payload.text == "x")
            #expect(messages[2].metadata[MetadataKey.rawMetadata] == #"{"a":1}"#)
            #expect(messages[2].metadata[MetadataKey.decodingFailure] != nil)
            #expect(messages[3].metadata == ["a": "7", MetadataKey.unnamed: "unnamed"] && messages[3].payload.isEmpty)
            await reader.close()
            try await transport.remove(topic: topic)
            await transport.close()
        }
    }
}
