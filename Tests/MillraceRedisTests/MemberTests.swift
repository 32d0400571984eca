@testable import MillraceRedis
import Millrace
import MillraceTransportKit
import MillraceTesting
import TestSupport
import Testing

extension RedisTests {
    /// Members of a group that die, come back under their name, or are gone for good.
    @Suite("Members") struct Members {
        private let server: RedisServer
        private let topic = "members-\(MessageID.next())"

        init() async throws { server = try await RedisServer.shared }

        private func connect(consumer: String? = nil) async throws -> RedisTransport {
            var options = try RedisOptions(url: server.url)
            options.consumer = consumer
            return try await RedisTransport(options, observers: Observers())
        }

        @Test("that come back under their name take up at once what they had, with the next attempt") func comeBack() async throws
        {
            let transport = try await connect(consumer: "worker-1")
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish((0..<1_200).map { Message(text: "\($0)") }, to: topic)
            // Its former life, which ended a moment ago; the lease is an hour.
            _ = try await server.command(
                "XREADGROUP", "GROUP", "g", "worker-1~3600000", "COUNT", "1000", "STREAMS", topic, ">")
            let subscription = try await transport.subscribe(
                to: topic, SubscriptionOptions(group: "g", prefetch: 128, lease: .seconds(3_600)))
            let received = try await withTimeLimit(RedisTests.patience, "all deliveries") {
                var received: [DeliveryRecord] = []
                var batch = DeliveryBatch()
                while received.count < 1_200, try await subscription.pull(into: &batch, upTo: 64) {
                    received += batch.records
                    subscription.acknowledge(batch.records.map(\.token))
                    batch.removeAll()
                }
                return received
            }
            #expect(Set(received.compactMap(\.message.payload.text)).count == 1_200)
            for record in received {
                let number = Int(record.message.payload.text ?? "") ?? 0
                #expect(record.attempt == (number < 1_000 ? 2 : 1))
            }
            await transport.close()
        }

        @Test("that leave in good order report no lost connection") func leaveQuietly() async throws {
            let observer = RecordingObserver(level: .warning)
            let transport = try await RedisTransport(
                RedisOptions(url: server.url), observers: Observers([observer]))
            try await transport.subscribe(to: topic, SubscriptionOptions(group: "g")).close()
            try await transport.subscribe(to: topic, SubscriptionOptions()).close()
            await transport.close()
            #expect(observer.events.isEmpty)
        }

        @Test("that leave are not taken off the group as long as they have something") func leaveWithNothing() async throws {
            let transport = try await connect()
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish(Message(text: "held"), to: topic)
            _ = try await server.command("XREADGROUP", "GROUP", "g", "me~1000", "STREAMS", topic, ">")
            let script = RedisScript.leave.description
            #expect(try await server.command("EVAL", script, "1", topic, "g", "me~1000") == ":0\r\n")
            #expect(try await server.command("XINFO", "CONSUMERS", topic, "g").contains("me~1000"))
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", lease: .seconds(1)))
            var batch = DeliveryBatch()
            _ = try await reader.pull(into: &batch, upTo: 1)
            #expect(batch.records.first?.message.payload.text == "held")
            reader.acknowledge(batch.records.map(\.token))
            try await reader.flush()
            #expect(try await server.command("EVAL", script, "1", topic, "g", "me~1000") == ":1\r\n")
            await transport.close()
        }

        @Test("that are gone and have nothing are taken off the group; others are not") func stale() async throws {
            let transport = try await connect()
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish(Message(text: "held"), to: topic)
            _ = try await server.command("XREADGROUP", "GROUP", "g", "holding~1000", "STREAMS", topic, ">")
            _ = try await server.command("XGROUP", "CREATECONSUMER", topic, "g", "gone~1000")
            _ = try await server.command("XGROUP", "CREATECONSUMER", topic, "g", "foreign")
            let stream = RedisStream(
                topic: topic, group: "g", consumer: "me~1000", lease: .seconds(1), options: transport.options)
            let keeper = RedisKeeper(
                stream, commands: transport.commands, loop: transport.loop, clock: SystemClock.shared,
                buffer: DeliveryBuffer(prefetch: 1, ordered: .byTransport, clock: SystemClock.shared) {},
                observers: AttachableObservers(Observers()))
            let expected = ["holding~1000", "foreign"]
            keeper.removeStale(after: .seconds(3_600))
            #expect(try await server.command("XINFO", "CONSUMERS", topic, "g").contains("gone~1000"))
            try await withTimeLimit(RedisTests.patience, "the removal") {
                while try await server.command("XINFO", "CONSUMERS", topic, "g").contains("gone~1000") {
                    keeper.removeStale(after: .milliseconds(1))
                }
            }
            let consumers = try await server.command("XINFO", "CONSUMERS", topic, "g")
            for name in expected { #expect(consumers.contains(name)) }
            await transport.close()
        }

        @Test("that count deliveries absurdly hurt nobody") func absurdCount() async throws {
            let transport = try await connect()
            try await transport.prepare(topic: topic, group: "g")
            let id = try await server.command("XADD", topic, "1-1", "payload", "counted").contains("1-1")
            #expect(id)
            _ = try await server.command("XREADGROUP", "GROUP", "g", "foreign~1", "STREAMS", topic, ">")
            _ = try await server.command(
                "XCLAIM", topic, "g", "foreign~1", "0", "1-1", "RETRYCOUNT", "\(Int64.max)", "JUSTID")
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", lease: .seconds(1)))
            var batch = DeliveryBatch()
            _ = try await reader.pull(into: &batch, upTo: 1)
            #expect(batch.records.first?.message.payload.text == "counted")
            reader.settle(try #require(batch.records.first).token, .retry(after: .zero))
            batch.removeAll()
            _ = try await reader.pull(into: &batch, upTo: 1)
            reader.acknowledge(batch.records.map(\.token))
            await transport.close()
        }

        /// A process that has taken a thousand messages is killed; another one has handled all of them soon after.
        @Test("whose process is killed lose nothing: another process handles it within lease and claim interval")
        func killed() async throws {
            let transport = try await connect()
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish((0..<3_000).map { Message(text: "\($0)") }, to: topic)
            let folder = try TemporaryFolder()
            let holding = try MemberProcess(.hold, count: 1_000, topic: topic, server: server, log: folder.file("holding"))
            let held = try await BlockingCall.run { try holding.lines(1_000) }
            let handling = try MemberProcess(.handle, count: 3_000, topic: topic, server: server, log: folder.file("handling"))
            let others = try await BlockingCall.run { try handling.lines(2_000) }
            #expect(Set(others).isDisjoint(with: held))
            holding.kill9()
            let start = ContinuousClock.now
            let all = try await BlockingCall.run { try handling.lines(3_000) }
            // The lease is a second, as is the claim interval; the rest is for a busy machine.
            #expect(start.duration(to: .now) < .seconds(2 + 5))
            #expect(all.count == 3_000)
            #expect(Set(all).count == 3_000)
            #expect(Set(all[2_000...]) == Set(held))
            await transport.close()
        }
    }
}
