@testable import MillraceKafka
import CRdKafka
import Millrace
import MillraceTesting
import Testing

extension KafkaTests {
    /// What goes wrong in a cluster. Each test has one of its own.
    @Suite("A cluster") struct Faults {
        private let topic = "faults-\(MessageID.next())"
        private let group = "group-\(MessageID.next())"

        /// Tells how far publishing has got.
        private struct Progress: Sendable {
            let tenths = (0..<10).map { _ in Signal() }

            func wait(forTenth tenth: Int) async throws { try await tenths[tenth].wait() }
        }

        /// Publishes numbers, each again until it is accepted, and reads them, while `fault` happens from the middle on.
        private func survive(
            _ cluster: MockCluster, count: Int = 2_000, _ fault: @Sendable (Progress) async throws -> Void
        ) async throws {
            cluster.create(topic, partitions: 4)
            let events = RecordingObserver(level: .info)
            let transport = try await KafkaTransport(cluster.options, observers: Observers([events]))
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: group, ordered: .byKey))
            let (topic, progress) = (topic, Progress())
            let publishing = Task {
                for number in 0..<count {
                    let message = Message(text: "\(number)", key: "\(number % 16)")
                    while true {
                        do {
                            try await transport.publish(message, to: topic)
                            break
                        } catch let error as MillraceError where error.isRetriable {
                            await Task.yield()
                        }
                    }
                    progress.tenths[number * 10 / count].fire()
                }
            }
            let reading = Task {
                var seen: [[Int]] = Array(repeating: [], count: 16)
                var batch = DeliveryBatch()
                var numbers: Set<Int> = []
                while numbers.count < count, try await reader.pull(into: &batch, upTo: 64) {
                    for record in batch.records {
                        guard let number = record.message.payload.text.flatMap({ Int($0) }) else { continue }
                        if numbers.insert(number).inserted { seen[number % 16].append(number) }
                    }
                    reader.acknowledge(batch.records.map(\.token))
                    batch.removeAll()
                }
                return seen
            }
            try await progress.wait(forTenth: 5)
            try await fault(progress)
            try await withTimeLimit(KafkaTests.patience, "all published") { try await publishing.value }
            let seen = try await withTimeLimit(KafkaTests.patience, "all read") { try await reading.value }
            for (key, numbers) in seen.enumerated() { #expect(numbers == numbers.sorted(), "the order of key \(key)") }
            await transport.close()
        }

        @Test("that refuses to take and to give messages for a while loses nothing") func errors() async throws {
            let cluster = try MockCluster()
            try await survive(cluster) { _ in
                // Produce and Fetch, by their numbers in the protocol.
                cluster.fail(0, with: RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, times: 3)
                cluster.fail(0, with: RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, times: 3)
                cluster.fail(1, with: RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, times: 3)
                cluster.fail(1, with: RD_KAFKA_RESP_ERR__TRANSPORT, times: 2)
            }
        }

        @Test("that is away for ten seconds loses nothing, and says so") func down() async throws {
            let cluster = try MockCluster()
            let events = RecordingObserver(level: .info)
            let watching = try await KafkaTransport(cluster.options, observers: Observers([events]))
            try await survive(cluster) { _ in
                cluster.set(isDown: true)
                try await SystemClock.shared.sleep(for: .seconds(10))
                cluster.set(isDown: false)
            }
            try await events.event { if case .disconnected = $0.kind { true } else { false } }
            try await watching.publish(Message(text: "again"), to: topic)
            try await events.event { if case .connected = $0.kind { true } else { false } }
            await watching.close()
        }

        @Test("whose coordinator moves loses nothing") func coordinator() async throws {
            let cluster = try MockCluster()
            let group = group
            try await survive(cluster) { progress in
                for (broker, tenth) in zip([2, 3, 1] as [Int32], 6...) {
                    cluster.moveCoordinator(of: group, to: broker)
                    try await progress.wait(forTenth: tenth)
                }
            }
        }

        @Test("that is away lets publishers go when the transport is closed, those as well who wait for room") func close()
            async throws
        {
            let cluster = try MockCluster()
            cluster.create(topic, partitions: 1)
            var options = cluster.options
            options.maximumPending = 1
            options.connectTimeout = .seconds(1)
            let transport = try await KafkaTransport(options, observers: Observers())
            try await transport.publish(Message(text: "first"), to: topic)
            cluster.set(isDown: true)
            let publishers = (0..<3).map { number in
                Task { [topic] in try await transport.publish(Message(text: "\(number)"), to: topic) }
            }
            while transport.producer.isIdle { await Task.yield() }
            await transport.close()
            for publisher in publishers {
                let result = try await withTimeLimit(KafkaTests.patience, "the end of a publisher") { await publisher.result }
                #expect(throws: MillraceError.self) { try result.get() }
            }
            await #expect(throws: MillraceError.self) { try await transport.publish(Message(text: "late"), to: topic) }
        }

        @Test("that finds a message too large names it") func tooLarge() async throws {
            let cluster = try MockCluster.shared.get()
            let transport = try await KafkaTransport(cluster.options, observers: Observers())
            let error = await #expect(throws: MillraceError.self) {
                let messages = [Message(text: "small"), Message(payload: [UInt8](repeating: 0, count: 5 << 20))]
                try await transport.publish(messages, to: topic)
            }
            #expect(error?.code == .publishFailed && error?.failures.map(\.index) == [1] && error?.isRetriable == false)
            await transport.close()
        }

        @Test("repeats nothing that was acknowledged out of order, and counts on, after a close") func outOfOrder() async throws {
            let cluster = try MockCluster.shared.get()
            cluster.create(topic, partitions: 1)
            let transport = try await KafkaTransport(cluster.options, observers: Observers())
            try await transport.publish((0..<10).map { Message(text: "\($0)") }, to: topic)
            let first = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
            let records = try await take(10, from: first)
            for index in [1, 2, 5, 9] { first.acknowledge([records[index].token]) }
            first.settle(records[0].token, .retry(after: .zero))
            let again = try await take(1, from: first)
            #expect(again.first?.attempt == 2)
            first.settle(records[3].token, .retry(after: .seconds(3_600)))
            await first.close()
            let second = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
            let rest = try await take(6, from: second)
            #expect(rest.map { $0.message.payload.text ?? "" } == ["0", "3", "4", "6", "7", "8"])
            // The second attempt at the first one was given back, and so does not count.
            #expect(rest.map(\.attempt) == [2, 2, 1, 1, 1, 1])
            await transport.close()
        }

        private func take(_ count: Int, from subscription: any Subscription) async throws -> [DeliveryRecord] {
            try await withTimeLimit(KafkaTests.patience, "\(count) deliveries") {
                var batch = DeliveryBatch()
                while batch.count < count, try await subscription.pull(into: &batch, upTo: count - batch.count) {}
                return Array(batch.records)
            }
        }
    }
}
