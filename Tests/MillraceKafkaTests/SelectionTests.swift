import Millrace
import MillraceTesting
import Testing

@testable import MillraceKafka

extension KafkaTests {
    @Suite("A subscription to several topics") struct Selection {
        private let name = "several-\(MessageID.next())"

        private func transport(_ cluster: MockCluster) async throws -> KafkaTransport {
            var options = cluster.options
            options.properties["topic.metadata.refresh.interval.ms"] = "200"
            return try await KafkaTransport(options, observers: Observers())
        }

        private func take(_ count: Int, from subscription: any Subscription) async throws -> [DeliveryRecord] {
            try await withTimeLimit(KafkaTests.patience, "\(count) deliveries") {
                var batch = DeliveryBatch()
                while batch.count < count, try await subscription.pull(into: &batch, upTo: count - batch.count) {}
                return Array(batch.records)
            }
        }

        private func text(_ record: DeliveryRecord) -> String {
            "\(record.message.metadata[MetadataKey.topic] ?? "-"): \(record.message.payload.text ?? "")"
        }

        @Test("says which one a message comes from, and keeps its progress in each") func named() async throws {
            let cluster = try MockCluster.shared.get()
            let (one, two) = ("\(name).one", "\(name).two")
            for topic in [one, two] { cluster.create(topic, partitions: 2) }
            let transport = try await transport(cluster)
            for topic in [one, two] {
                try await transport.publish((0..<4).map { Message(text: "\($0)", key: "\($0)") }, to: topic)
            }
            let first = try await transport.subscribe(to: "\(one),\(two)", SubscriptionOptions(group: name))
            let records = try await take(8, from: first)
            let expected = [one, two].flatMap { topic in (0..<4).map { "\(topic): \($0)" } }
            #expect(records.map(text).sorted() == expected)
            #expect(Set(records.map(\.position)).count == 8)
            first.acknowledge(records.filter { text($0).hasPrefix(two) || $0.message.key == "1" }.map(\.token))
            let rejected = try #require(records.first { text($0) == "\(one): 0" })
            first.settle(rejected.token, .reject(reason: "test"))
            await first.close()

            let second = try await transport.subscribe(to: "\(two),\(one)", SubscriptionOptions(group: name))
            #expect(try await take(2, from: second).map(text).sorted() == ["\(one): 2", "\(one): 3"])
            let letters = try await transport.subscribe(
                to: one + ".dead-letter", SubscriptionOptions(start: .beginning))
            #expect(try await take(1, from: letters).first?.message.payload.text == "0")
            await transport.close()
        }

        @Test("by a pattern reads what matches, topics that are made later as well", arguments: [true, false])
        func pattern(isGroup: Bool) async throws {
            let cluster = try MockCluster.shared.get()
            for topic in ["\(name).a", "\(name).b", "other-\(name).a"] { cluster.create(topic, partitions: 1) }
            let transport = try await transport(cluster)
            try await transport.publish(Message(text: "early"), to: "\(name).a")
            let reader = try await transport.subscribe(
                to: "^\(name)[.][a-c]$",
                SubscriptionOptions(group: isGroup ? name : nil, start: isGroup ? .beginning : .now))
            if isGroup { #expect(try await take(1, from: reader).map(text) == ["\(name).a: early"]) }
            for topic in ["\(name).b", "other-\(name).a"] {
                try await transport.publish(Message(text: "later"), to: topic)
            }
            #expect(try await take(1, from: reader).map(text) == ["\(name).b: later"])
            guard isGroup else { return await transport.close() }
            cluster.create("\(name).c", partitions: 1)
            try await transport.publish(Message(text: "new"), to: "\(name).c")
            #expect(try await take(1, from: reader).map(text) == ["\(name).c: new"])
            await transport.close()
        }

        /// Takes ten seconds: so often it looks for more.
        @Test("without a group goes on with what was empty when there is more to read") func growing() async throws {
            let cluster = try MockCluster.shared.get()
            cluster.create("\(name).a", partitions: 1)
            let transport = try await transport(cluster)
            let reader = try await transport.subscribe(to: "^\(name)[.][ab]$", SubscriptionOptions(start: .beginning))
            cluster.create("\(name).b", partitions: 1)
            for topic in ["\(name).b", "\(name).a"] {
                try await transport.publish(Message(text: "1"), to: topic)
                // It is there before the other one is published to.
                #expect(try await take(1, from: reader).map(text) == ["\(topic): 1"])
            }
            await transport.close()
        }

        @Test(
            "refuses what names nothing",
            arguments: ["one,,two", "one,one", ",", "^(", "^[", "one,two words", "one,.."])
        func refused(text: String) async throws {
            let error = #expect(throws: MillraceError.self) { try KafkaSelection(text) }
            #expect(error?.code == .invalidTopic && error?.isRetriable == false)
        }

        @Test("keeps partitions apart by topic and number") func positions() {
            for (topic, number, offset) in [(0, 0, 0), (0, 7, 42), (3, 1, 1 << 40), (9, .max, 5)] as [(Int32, Int32, Int64)] {
                let partition = KafkaPartition(number, ofTopic: topic)
                let position = partition.position(at: offset)
                #expect(KafkaPartition(of: position) == partition && position.low == UInt64(offset))
            }
            #expect(KafkaPartition(7).position(at: 42) == Position(high: 7, low: 42))
        }
    }
}
