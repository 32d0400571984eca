@testable import MillraceRedis
import Millrace
import MillraceTesting
import Testing

extension RedisTests {
    /// What only Redis has: entries that others wrote, took, or removed.
    @Suite("A stream") struct Streams {
        private let server: RedisServer
        private let transport: RedisTransport
        private let topic = "stream-\(MessageID.next())"
        private let observer = RecordingObserver(level: .info)

        init() async throws {
            server = try await RedisServer.shared
            transport = try await RedisTransport(url: server.url, observers: Observers([observer]))
        }

        private func subscribe(_ lease: Duration = .seconds(30)) async throws -> any Subscription {
            try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", lease: lease))
        }

        private func collect(_ count: Int, from subscription: any Subscription) async throws -> [DeliveryRecord] {
            try await withTimeLimit(RedisTests.patience, "\(count) deliveries") {
                var batch = DeliveryBatch()
                while batch.count < count, try await subscription.pull(into: &batch, upTo: count - batch.count) {}
                return Array(batch.records)
            }
        }

        private func text(_ records: [DeliveryRecord]) -> [String] { records.map { $0.message.payload.text ?? "" } }

        @Test("of the layout of Watermill is written and read") func layout() async throws {
            let subscription = try await subscribe()
            _ = try await server.command(
                "XADD", topic, "*", "_watermill_message_uuid", "from-go", "metadata", "\u{81}a", "payload", "hello")
            try await transport.publish(Message(id: "from-swift", text: "hi"), to: topic)
            let records = try await collect(2, from: subscription)
            #expect(records.map(\.message.id) == ["from-go", "from-swift"])
            let raw = try await server.command("XRANGE", topic, "-", "+")
            #expect(
                raw.contains(
                    "$23\r\n_watermill_message_uuid\r\n$10\r\nfrom-swift\r\n$8\r\nmetadata\r\n$0\r\n\r\n$7\r\npayload\r\n$2\r\nhi"
                ))
            await transport.close()
        }

        @Test("with entries of other layouts delivers them, and what comes after") func foreign() async throws {
            let subscription = try await subscribe()
            _ = try await server.command("XADD", topic, "5-1", "temperature", "21")
            _ = try await server.command("XADD", topic, "5-2", "payload", "")
            _ = try await server.command("XADD", topic, "5-3", "_watermill_message_uuid", "", "metadata", "not MessagePack")
            try await transport.publish(Message(text: "good"), to: topic)
            let records = try await collect(4, from: subscription)
            #expect(records[0].message.id == "5-1")
            #expect(records[0].message.metadata["temperature"] == "21")
            #expect(records[3].message.payload.text == "good")
            await transport.close()
        }

        @Test("that a dead member has taken from is handled by another one, each entry once") func deadMember() async throws {
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish((0..<1_000).map { Message(text: "\($0)") }, to: topic)
            // A process that reads a thousand entries and is killed.
            _ = try await server.command(
                "XREADGROUP", "GROUP", "g", "dead~300", "COUNT", "1000", "STREAMS", topic, ">")
            let subscription = try await transport.subscribe(
                to: topic, SubscriptionOptions(group: "g", prefetch: 256, lease: .milliseconds(300)))
            let handled = try await withTimeLimit(RedisTests.patience, "a thousand deliveries") {
                var handled: [String] = []
                var batch = DeliveryBatch()
                while handled.count < 1_000, try await subscription.pull(into: &batch, upTo: 64) {
                    handled += batch.records.compactMap(\.message.payload.text)
                    #expect(batch.records.allSatisfy { $0.attempt == 2 })
                    subscription.acknowledge(batch.records.map(\.token))
                    batch.removeAll()
                }
                return handled
            }
            #expect(Set(handled).count == 1_000 && handled.count == 1_000)
            try await subscription.flush()
            #expect(try await server.command("XPENDING", topic, "g").hasPrefix("*4\r\n:0\r\n"))
            await transport.close()
        }

        @Test("whose group is gone gets it again, with everything that is there") func groupGone() async throws {
            let subscription = try await subscribe()
            try await transport.publish(Message(text: "1"), to: topic)
            subscription.acknowledge(try await collect(1, from: subscription).map(\.token))
            _ = try await server.command("DEL", topic)
            try await transport.publish(Message(text: "2"), to: topic)
            #expect(text(try await collect(1, from: subscription)) == ["2"])
            await transport.close()
        }

        @Test("under whose name there is something else is refused") func wrongType() async throws {
            _ = try await server.command("SET", topic, "x")
            let publishing = await #expect(throws: MillraceError.self) {
                try await transport.publish(Message(text: "x"), to: topic)
            }
            #expect((publishing?.failures.first?.error as? MillraceError)?.code == .invalidTopic)
            let subscribing = await #expect(throws: MillraceError.self) { _ = try await subscribe() }
            #expect(subscribing?.code == .invalidTopic)
            let reading = await #expect(throws: MillraceError.self) { _ = try await transport.subscribe(to: topic) }
            #expect(reading?.code == .invalidTopic)
            await transport.close()
        }

        @Test("keeps the count of attempts across members, for retries and for what is given back") func attempts() async throws {
            let first = try await subscribe(.seconds(600))
            try await transport.publish([Message(text: "retried"), Message(text: "untouched")], to: topic)
            let records = try await collect(2, from: first)
            first.settle(records[0].token, .retry(after: .zero))
            let again = try await collect(1, from: first)
            #expect(again.map(\.attempt) == [2])
            await first.close()
            let second = try await subscribe(.seconds(600))
            let back = try await collect(2, from: second)
            #expect(text(back) == ["retried", "untouched"])
            #expect(back.map(\.attempt) == [2, 1])
            await transport.close()
        }

        @Test("forgets a member that has left, and keeps its delayed messages") func leaving() async throws {
            let first = try await subscribe(.seconds(2))
            try await transport.publish(Message(text: "later"), to: topic)
            let records = try await collect(1, from: first)
            first.settle(records[0].token, .retry(after: .milliseconds(500)))
            await first.close()
            let consumers = try await server.command("XINFO", "CONSUMERS", topic, "g")
            #expect(!consumers.contains("~2000"))
            let second = try await subscribe(.seconds(2))
            let back = try await collect(1, from: second)
            #expect(back.map(\.attempt) == [2])
            await transport.close()
        }

        @Test("states its lag") func lag() async throws {
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish((0..<10).map { Message(text: "\($0)") }, to: topic)
            let subscription = try await transport.subscribe(
                to: topic, SubscriptionOptions(group: "g", prefetch: 4, lease: .seconds(30)))
            _ = try await collect(2, from: subscription)
            try await withTimeLimit(RedisTests.patience, "the lag") {
                while subscription.lag != 8 { await Task.yield() }
            }
            await transport.close()
        }
    }
}
