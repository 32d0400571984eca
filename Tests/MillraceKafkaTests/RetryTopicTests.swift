import Millrace
import MillraceTransportKit
import MillraceTesting
import Testing

@testable import MillraceKafka

extension KafkaTests {
    @Suite("Topics for retries") struct RetryTopics {
        private let topic = "retries-\(MessageID.next())"

        private func transport(_ delays: [Duration]) async throws -> KafkaTransport {
            let cluster = try MockCluster.shared.get()
            for name in [topic] + delays.map({ "\(topic).retry.\(DurationText.text(of: $0))" }) {
                cluster.create(name, partitions: 1)
            }
            var options = cluster.options
            options.retryTopics = delays
            return try await KafkaTransport(options, observers: Observers())
        }

        private func take(_ count: Int, from subscription: any Subscription) async throws -> [DeliveryRecord] {
            try await withTimeLimit(KafkaTests.patience, "\(count) deliveries") {
                var batch = DeliveryBatch()
                while batch.count < count, try await subscription.pull(into: &batch, upTo: count - batch.count) {}
                return Array(batch.records)
            }
        }

        private func texts(of topic: String, _ count: Int, on transport: KafkaTransport) async throws -> [Message] {
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(start: .beginning))
            let records = try await take(count, from: reader)
            await reader.close()
            return records.map(\.message)
        }

        @Test("bring messages back to their group, after their delay and with their attempts counted") func roundTrip()
            async throws
        {
            let transport = try await transport([.milliseconds(600), .seconds(2)])
            let (one, two) = ("one-\(topic)", "two-\(topic)")
            let first = try await transport.subscribe(to: topic, SubscriptionOptions(group: one))
            let second = try await transport.subscribe(to: topic, SubscriptionOptions(group: two))
            try await transport.publish(
                [Message(text: "again", key: "k", metadata: ["a": "b"]), Message(text: "next", key: "k")], to: topic)
            let records = try await take(2, from: first)
            second.acknowledge(try await take(2, from: second).map(\.token))
            let start = SystemClock.shared.now
            first.settle(records[0].token, .retry(after: .milliseconds(700)))
            first.acknowledge([records[1].token])
            let back = try #require(try await take(1, from: first).first)
            #expect(start.duration(to: SystemClock.shared.now) >= .milliseconds(690))
            #expect(back.message == records[0].message && back.message.metadata == records[0].message.metadata)
            #expect(back.attempt == 2)
            first.settle(back.token, .retry(after: .seconds(2)))
            let third = try #require(try await take(1, from: first).first)
            #expect(third.attempt == 3 && third.message.payload.text == "again" && third.message.key == "k")
            #expect(start.duration(to: SystemClock.shared.now) >= .milliseconds(2_690))
            #expect(try await texts(of: "\(topic).retry.600ms", 1, on: transport).map(\.payload.text) == ["again"])
            let letter = try #require(try await texts(of: "\(topic).retry.2s", 1, on: transport).first)
            #expect(letter.metadata[MetadataKey.attempt] == "3" && letter.metadata[MetadataKey.replayGroup] == one)
            // The topic of dead letters is that of the topic that the message was published to.
            first.settle(third.token, .reject(reason: "enough"))
            #expect(try await texts(of: "\(topic).dead-letter", 1, on: transport).map(\.payload.text) == ["again"])
            // The other group has seen each message once, and passes over what is not its own.
            try await transport.publish(Message(text: "last"), to: topic)
            #expect(try await take(1, from: second).map(\.message.payload.text) == ["last"])
            await transport.close()
        }

        @Test("keep messages that wait when the process ends") func restart() async throws {
            let delays: [Duration] = [.seconds(1)]
            let transport = try await transport(delays)
            let group = "group-\(topic)"
            let first = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
            try await transport.publish(Message(text: "kept"), to: topic)
            first.settle(try #require(try await take(1, from: first).first).token, .retry(after: .seconds(1)))
            await first.close()
            let second = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
            let back = try #require(try await take(1, from: second).first)
            #expect(back.attempt == 2 && back.message.payload.text == "kept")
            await transport.close()
        }

        @Test("are not used for what has an order, nor for what is shorter") func heldHere() async throws {
            let transport = try await transport([.seconds(1)])
            for (group, ordered, delay) in [
                ("short", .byTransport, .milliseconds(50)), ("ordered", .byKey, .milliseconds(1_050)),
            ] as [(String, Ordering, Duration)] {
                let reader = try await transport.subscribe(
                    to: topic, SubscriptionOptions(group: group + topic, ordered: ordered, start: .now))
                try await transport.publish(Message(text: group), to: topic)
                reader.settle(try #require(try await take(1, from: reader).first).token, .retry(after: delay))
                #expect(try await take(1, from: reader).map(\.attempt) == [2])
            }
            try await transport.publish(Message(text: "only"), to: "\(topic).retry.1s")
            #expect(try await texts(of: "\(topic).retry.1s", 1, on: transport).map(\.payload.text) == ["only"])
            await transport.close()
        }

        @Test("have messages of others as well, whatever these say of time and attempts") func foreign() async throws {
            let transport = try await transport([.milliseconds(600)])
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "group-\(topic)"))
            let absurd: Metadata = [
                MetadataKey.attempt: "\(Int.max)", MetadataKey.retryAt: "\(Int64.min)",
                KafkaMetadata.timestamp: "\(Int64.max)",
            ]
            try await transport.publish(
                [Message(text: "foreign", metadata: absurd), Message(text: "next")], to: "\(topic).retry.600ms")
            let records = try await take(2, from: reader)
            #expect(records.map(\.message.payload.text) == ["foreign", "next"])
            #expect(records.map(\.attempt) == [1_000_000_000, 1])
            reader.settle(records[0].token, .retry(after: .milliseconds(600)))
            #expect(try await take(1, from: reader).map(\.message.payload.text) == ["foreign"])
            await transport.close()
        }

        @Test(
            "hand out what another clock has put off for hours or years after the delay", arguments: [7_200_000, Int64.max / 2])
        func otherClocks(ahead: Int64) async throws {
            let transport = try await transport([.milliseconds(600)])
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "group-\(topic)"))
            let time = SystemClock.shared.unixMilliseconds + ahead
            let start = SystemClock.shared.now
            try await transport.publish(
                Message(text: "put off", metadata: [MetadataKey.retryAt: "\(time)", MetadataKey.attempt: "2"]),
                to: "\(topic).retry.600ms")
            let back = try #require(try await take(1, from: reader).first)
            #expect(back.message.payload.text == "put off" && back.attempt == 2)
            #expect(start.duration(to: SystemClock.shared.now) < .seconds(30))
            await transport.close()
        }

        @Test("hold a message no longer than its delay, whatever the clocks of writer and reader say") func letters() throws {
            func wait(_ retryAt: Int64, _ delay: String?, now: Int64, waited: Duration = .zero) -> Duration {
                var metadata: Metadata = [MetadataKey.retryAt: "\(retryAt)"]
                metadata[MetadataKey.retryDelay] = delay
                return KafkaRetryLetter(metadata).wait(now: now, waited: waited, usual: .seconds(60))
            }
            // Clocks that agree: what is left.
            #expect(wait(90_000, "90000", now: 60_000, waited: .seconds(60)) == .seconds(30))
            #expect(wait(90_000, "90000", now: 90_000) == .zero && wait(90_000, "90000", now: 7_200_000) == .zero)
            // The reader is two hours behind, or the writer ahead.
            #expect(wait(7_290_000, "90000", now: 0) == .seconds(90))
            #expect(wait(7_290_000, "90000", now: 60_000, waited: .seconds(60)) == .seconds(30))
            #expect(wait(7_290_000, "90000", now: 90_000, waited: .seconds(90)) == .zero)
            // Of another system, and of an earlier version: the topic's delay.
            for absurd in [nil, "-1", "soon", "\(UInt64.max)"] {
                #expect(wait(7_290_000, absurd, now: 0) == .seconds(60))
                #expect(wait(.max, absurd, now: .min, waited: .seconds(59)) == .seconds(1))
            }
            #expect(wait(.max, "\(Int64.max)", now: .min) == .milliseconds(Int64.max))
        }

        @Test("are written with their delay, which may be any") func written() throws {
            var options = KafkaOptions()
            options.retryTopics = [.seconds(60)]
            let retries = try #require(KafkaRetryTopics(options, try KafkaSelection("a"), SubscriptionOptions(group: "g")))
            let entry = DeliveryBuffer.Entry(message: Message(text: "x"), attempt: 1, position: Position(low: 1))
            var letter = retries.letter(of: entry, after: .milliseconds(90_500), now: 1_000)
            #expect(letter.metadata[MetadataKey.retryAt] == "91500" && letter.metadata[MetadataKey.retryDelay] == "90500")
            let opened = try #require(retries.open(&letter))
            #expect(opened.retryAt == 91_500 && opened.delay == 90_500 && opened.attempt == 2)
            #expect(letter.metadata.isEmpty)
            let endless = retries.letter(of: entry, after: .seconds(Int64.max), now: Int64.max - 1)
            #expect(endless.metadata[MetadataKey.retryAt] == "\(Int64.max)")
        }

        @Test("are made so that nothing is deleted while it waits") func retention() {
            func made(_ configuration: [String: String]) -> [String: String] {
                KafkaNewTopics(configuration: configuration).forRetries(after: .seconds(60)).configuration
            }
            #expect(made([:]) == ["retention.ms": "-1", "cleanup.policy": "delete"])
            #expect(made(["retention.ms": "1000", "a": "b"]) == ["retention.ms": "61000", "cleanup.policy": "delete", "a": "b"])
            #expect(made(["retention.ms": "\(Int64.max)", "cleanup.policy": "compact"])["retention.ms"] == "-1")
            #expect(
                made(["retention.ms": "-1", "cleanup.policy": "compact"]) == ["retention.ms": "-1", "cleanup.policy": "delete"])
        }

        @Test("have names with the shortest text of their delay") func names() throws {
            var options = KafkaOptions()
            options.retryTopics = [.seconds(90), .seconds(3_600), .milliseconds(1_500), .seconds(86_400)]
            try options.validate()
            let retries = KafkaRetryTopics(options, try KafkaSelection("a,b"), SubscriptionOptions(group: "g"))
            #expect(
                retries?.names == [
                    "a.retry.1500ms", "a.retry.1d", "a.retry.1h", "a.retry.90s", "b.retry.1500ms", "b.retry.1d",
                    "b.retry.1h", "b.retry.90s",
                ])
            #expect(retries?.topic(after: .seconds(100), of: "a.retry.1500ms") == "a.retry.90s")
            #expect(retries?.topic(after: .seconds(1), of: "b") == nil)
            #expect(retries?.topic(after: .seconds(1_000_000), of: "b") == "b.retry.1d")
            #expect(try KafkaOptions(url: "kafka://h?retry-topics=5s,1m").retryTopics == [.seconds(5), .seconds(60)])
            for text in ["", "5s,5s", "5s,,1m", "8d", "x"] {
                #expect(throws: MillraceError.self) { try KafkaOptions(url: "kafka://h?retry-topics=\(text)") }
            }
        }
    }
}
