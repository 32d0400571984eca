import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// What is kept for groups to come.
    @Suite struct Retention {
        private let clock = ManualClock()
        private let observer = RecordingObserver()

        private func broker(_ retention: MemoryOptions.Retention, capacity: Int = 1_024) throws -> MemoryTransport {
            try MemoryTransport(
                MemoryOptions(capacity: capacity, retention: retention), clock: clock, observers: Observers([observer]))
        }

        private func publish(_ numbers: Range<Int>, on broker: MemoryTransport) async throws {
            try await broker.publish(numbers.map { Message(text: "\($0)") }, to: "t")
        }

        @Test func noneKeepsNothing() async throws {
            let broker = try broker(.none)
            try await publish(0..<3, on: broker)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            #expect(try await reader.hasNothing(at: clock))
            try await publish(3..<4, on: broker)
            #expect(try await reader.texts(1) == ["3"])
        }

        @Test func untilClaimedGoesToTheFirstGroup() async throws {
            let broker = try broker(.untilClaimed, capacity: 5)
            try await publish(0..<7, on: broker)
            let first = try await broker.subscribe(to: "t", SubscriptionOptions(group: "first"))
            let second = try await broker.subscribe(to: "t", SubscriptionOptions(group: "second"))
            #expect(try await first.texts(5) == ["2", "3", "4", "5", "6"])
            #expect(try await second.hasNothing(at: clock))
            let dropped = observer.count { if case .messagesDropped(_, 2, _) = $0.kind { true } else { false } }
            #expect(dropped == 1)
        }

        @Test func untilClaimedSurvivesAReaderWithoutGroup() async throws {
            let broker = try broker(.untilClaimed)
            try await publish(0..<2, on: broker)
            let passing = try await broker.subscribe(to: "t", SubscriptionOptions())
            #expect(try await passing.hasNothing(at: clock))
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            #expect(try await reader.texts(2) == ["0", "1"])
        }

        @Test func lastKeepsTheLast() async throws {
            let broker = try broker(.last(3))
            try await publish(0..<10, on: broker)
            for group in ["a", "b"] {
                let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: group))
                #expect(try await reader.texts(3) == ["7", "8", "9"])
                #expect(try await reader.hasNothing(at: clock))
            }
        }

        /// A late group gets everything at once, beyond its capacity, in order and without holding up publishers for good.
        @Test func lateGroupReadsTenThousand() async throws {
            let broker = try broker(.all)
            let count = 10_000
            try await publish(0..<count, on: broker)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "late", prefetch: 500))
            #expect(broker.depth(of: "t", group: "late")?.waiting == count)
            let publisher = Task { try await publish(count..<count + 1, on: broker) }
            var next = 0
            while next <= count {
                let records = try await reader.take(min(500, count + 1 - next))
                for record in records {
                    #expect(record.message.payload.text == "\(next)")
                    next += 1
                }
                reader.acknowledge(records.map(\.token))
            }
            try await publisher.value
            #expect(try await reader.hasNothing(at: clock))
        }
    }

    /// What can be asked of groups.
    @Suite struct Groups {
        private let clock = ManualClock()

        @Test func depthSaysWhereMessagesAre() async throws {
            let broker = MemoryTransport(clock: clock)
            #expect(broker.depth(of: "t", group: "g") == nil)
            try await broker.prepare(topic: "t", group: "g")
            try await broker.publish((0..<5).map { Message(text: "\($0)") }, to: "t")
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let out = try await reader.take(3)
            reader.settle(out[0].token, .retry(after: .seconds(1)))
            let depth = try #require(broker.depth(of: "t", group: "g"))
            #expect([depth.waiting, depth.inFlight, depth.delayed, depth.total] == [2, 2, 1, 5])
            reader.acknowledge([out[1].token])
            clock.advance(by: .seconds(1))
            let later = try #require(broker.depth(of: "t", group: "g"))
            #expect([later.waiting, later.inFlight, later.delayed] == [3, 1, 0])
        }

        @Test func depthCountsWhatWaitsInLanes() async throws {
            let broker = MemoryTransport(clock: clock)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g", ordered: .byKey))
            try await broker.publish((0..<4).map { Message(text: "\($0)", key: "k") }, to: "t")
            _ = try await reader.take(1)
            #expect(try await reader.hasNothing(at: clock))
            let depth = try #require(broker.depth(of: "t", group: "g"))
            #expect([depth.waiting, depth.inFlight] == [3, 1])
        }

        @Test func removedGroupEndsItsReadersAndFreesPublishers() async throws {
            let broker = try MemoryTransport(MemoryOptions(capacity: 1), clock: clock)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await broker.publish(Message(text: "a"), to: "t")
            let publisher = Task { try await broker.publish(Message(text: "b"), to: "t") }
            let out = try await reader.take(1)
            #expect(broker.removeGroup("g", of: "t"))
            try await withTimeLimit(.seconds(60), "the publisher") { try await publisher.value }
            reader.acknowledge(out.map(\.token))
            var batch = DeliveryBatch()
            #expect(try await !reader.pull(into: &batch, upTo: 1))
            #expect(broker.depth(of: "t", group: "g") == nil)
            #expect(!broker.removeGroup("g", of: "t"))
        }

        @Test(arguments: [
            MemoryOptions(capacity: 0), MemoryOptions(retention: .last(0)), MemoryOptions(deadLetters: .topicSuffix("")),
        ])
        func badOptionsAreRefused(_ options: MemoryOptions) {
            #expect { try MemoryTransport(options) } throws: { ($0 as? MillraceError)?.code == .invalidOption }
        }
    }
}
