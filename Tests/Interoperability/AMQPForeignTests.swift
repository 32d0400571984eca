import Foundation
import Millrace
import MillraceAMQP
import MillraceTesting
import Testing

extension InteroperabilityTests.AMQP {
    /// Messages of pika's that are not Watermill's, and what it sees of properties.
    @Suite("Foreign messages") struct ForeignMessages {
        private typealias AMQP = InteroperabilityTests.AMQP
        private static let foreign = PythonClient(script: "amqp_foreign.py")

        private let topic = InteroperabilityTests.name("foreign")

        private func connect() async throws -> AMQPTransport { try await AMQP.connect() }

        @Test("with headers of any type become metadata, and never an error") func headers() async throws {
            let transport = try await connect()
            let probe = try await TopicProbe(of: topic, on: transport, group: "g")
            try await Self.foreign.run("typed", try await AMQP.foreignURL, topic)
            let message = try await probe.next()
            #expect(message.id.description == "0198f2c4-7b1e-7c3a-9d2e-5a6b7c8d9e0f" && message.key == "customer 7")
            #expect(message.payload.withUnsafeBytes { Array($0) } == [0] + Array("payload".utf8))
            let expected: [String: String] = [
                "text": "grüße", MetadataKey.unnamed: "unnamed", "yes": "true", "small": "7", "large": "1099511627776",
                "negative": "-5", "nothing": "", "bytes": "ff0001", "decimal": "1.05", "time": "1767323045",
                "list": "[1,\"a\",null,[true]]", "table": "{\"b\":{\"c\":\"d\\n\"},\"n\":1}",
                "x-death": "[{\"reason\":\"expired\",\"count\":2}]", "content-type": "application/json",
                "correlation_id": "c-1", AMQPMetadata.contentEncoding: "identity", AMQPMetadata.priority: "3",
                AMQPMetadata.replyTo: "answers", AMQPMetadata.receivedExpiration: "60000", AMQPMetadata.messageID: "m-1",
                AMQPMetadata.timestamp: "1700000000", AMQPMetadata.type: "order", AMQPMetadata.receivedUserID: "guest",
                AMQPMetadata.appID: "pika", "x-delivery-count": "4",
            ]
            for (name, value) in expected { #expect(message.metadata[name] == value, "\(name)") }
            #expect(message.metadata["deep"]?.contains("\"...\"") == true)
            // Passed on, it arrives as it is, and the broker makes nothing of what it would take for its own.
            try await transport.publish(message, to: topic)
            let again = try await probe.next()
            #expect(again.id == message.id && again.key == message.key && again.payload == message.payload)
            for (name, value) in expected where ![AMQPMetadata.receivedExpiration, AMQPMetadata.receivedUserID].contains(name) {
                #expect(again.metadata[name] == value, "\(name), passed on")
            }
            await transport.close()
        }

        @Test("without anything but a body are messages with an id of their own") func bare() async throws {
            let transport = try await connect()
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            try await Self.foreign.run("bare", try await AMQP.foreignURL, topic)
            let messages = try await take(4, of: reader).map(\.message)
            #expect(messages[0].payload.isEmpty && messages[0].metadata.isEmpty)
            #expect(messages[1].metadata["_watermill_message_uuid"] == "5")
            #expect(messages[2].id == "own")
            #expect(messages[3].metadata[MetadataKey.omittedFields] == "1904")
            #expect(Set(messages.map(\.id)).count == 4)
            await transport.close()
        }

        @Test("that share one message-id are all handled, also when the connection is cut", arguments: [0, 1])
        func sharedID(attempts: Int) async throws {
            let url = try await AMQP.url
            let proxy = try TCPProxy(to: try #require(AMQPOptions(url: url).servers.first?.port))
            var options = try AMQPOptions(url: url)
            options.servers = [AMQPEndpoint(host: "127.0.0.1", port: proxy.port)]
            options.maximumReconnectDelay = .milliseconds(100)
            let transport = try await AMQPTransport(options, observers: Observers())
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            try await Self.foreign.run("same", try await AMQP.foreignURL, topic)
            // Retried, they have that id in a header.
            for _ in 0..<attempts {
                for record in try await take(20, of: reader) { reader.settle(record.token, .retry(after: .zero)) }
                try await reader.flush()
            }
            let some = try await take(12, of: reader)
            reader.acknowledge(some.prefix(10).map(\.token))
            try await reader.flush()
            var handled = Set(some.map { $0.message.payload.text })
            #expect(proxy.cutAll() > 0)
            while handled.count < 20 {
                let record = try await take(1, of: reader)[0]
                handled.insert(record.message.payload.text)
                reader.acknowledge([record.token])
            }
            await transport.close()
        }

        private func take(_ count: Int, of reader: any Subscription) async throws -> [DeliveryRecord] {
            try await withTimeLimit(InteroperabilityTests.patience, "\(count) messages") {
                var batch = DeliveryBatch()
                while batch.count < count, try await reader.pull(into: &batch, upTo: count - batch.count) {}
                return Array(batch.records)
            }
        }

        @Test("are written with the properties that AMQP has for their metadata") func written() async throws {
            let transport = try await connect()
            try await transport.prepare(topic: topic, group: "g")
            var message = Message(
                text: "hello", metadata: ["kind": "greeting", "content-type": "text/plain", "CC": "not a route"])
            message.metadata[MetadataKey.correlationID] = "c-2"
            message.metadata[AMQPMetadata.priority] = "4"
            try await transport.publish(message, to: topic)
            let output = try await Self.foreign.run("show", try await AMQP.foreignURL, "\(topic)_g")
            let expected =
                "[\"hello\", {\"_watermill_message_uuid\": \"\(message.id)\", \"content-type\": \"text/plain\", "
                + "\"correlation_id\": \"c-2\", \"kind\": \"greeting\", \"millrace-header-CC\": \"not a route\"}, 2, "
                + "\"text/plain\", \"c-2\", 4]\n"
            #expect(output == expected)
            await transport.close()
        }

        @Test("that can't come back as they are stay with their reader until they are due") func tooLargeToComeBack() async throws
        {
            let transport = try await connect()
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            // As text it takes more than a frame.
            try await Self.foreign.run("large", try await AMQP.foreignURL, topic)
            for attempt in 1...3 {
                let record = try await take(1, of: reader)[0]
                #expect(record.attempt == attempt)
                let isLast = attempt == 3
                reader.settle(record.token, isLast ? .reject(reason: "enough") : .retry(after: .milliseconds(20)))
            }
            try await reader.flush()
            let letters = try await transport.subscribe(to: topic + ".dead-letter", SubscriptionOptions(group: "dead-letters"))
            let letter = try await take(1, of: letters)[0].message
            #expect(letter.metadata[MetadataKey.poisonReason] == "enough")
            #expect(letter.metadata[MetadataKey.omittedFields] == "1")
            await transport.close()
        }
    }
}
