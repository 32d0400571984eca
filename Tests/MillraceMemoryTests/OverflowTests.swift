import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// What happens when a group is full.
    @Suite struct Overflow {
        private let observer = RecordingObserver()
        private let clock = ManualClock()

        private func broker(_ overflow: MemoryOptions.Overflow, capacity: Int = 2) throws -> MemoryTransport {
            try MemoryTransport(
                MemoryOptions(capacity: capacity, overflow: overflow), clock: clock,
                observers: Observers([observer]))
        }

        private func publish(_ texts: [String], on broker: MemoryTransport) async throws {
            try await broker.publish(texts.map { Message(text: $0) }, to: "t")
        }

        /// How many drops have been reported, at once or a second later.
        private var dropped: Int {
            clock.advance(by: .seconds(1))
            return observer.events.reduce(0) { sum, event in
                if case .messagesDropped(_, let count, _) = event.kind { sum + count } else { sum }
            }
        }

        @Test func refuseListsWhatDidNotFit() async throws {
            let broker = try broker(.refuse)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            do {
                try await publish(["a", "b", "c", "d"], on: broker)
                Issue.record("publishing beyond the capacity succeeded")
            } catch let error as MillraceError {
                #expect(error.code == .publishFailed)
                #expect(error.isRetriable)
                #expect(error.failures.map(\.index) == [2, 3])
                #expect(error.failures.allSatisfy { ($0.error as? MillraceError)?.code == .overflow })
            }
            #expect(try await reader.texts(2) == ["a", "b"])
            try await publish(["e"], on: broker)
            #expect(try await reader.texts(1) == ["e"])
        }

        @Test func dropNewestKeepsWhatIsThere() async throws {
            let broker = try broker(.dropNewest)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(["a", "b", "c", "d"], on: broker)
            #expect(dropped == 2)
            #expect(try await reader.texts(2) == ["a", "b"])
            #expect(broker.depth(of: "t", group: "g")?.total == 0)
        }

        @Test func dropNewestDropsForTheFullGroupAlone() async throws {
            let broker = try broker(.dropNewest)
            let slow = try await broker.subscribe(to: "t", SubscriptionOptions(group: "slow"))
            let fast = try await broker.subscribe(to: "t", SubscriptionOptions(group: "fast"))
            var seen: [String] = []
            for text in ["a", "b", "c"] {
                try await publish([text], on: broker)
                seen += try await fast.texts(1)
            }
            #expect(seen == ["a", "b", "c"])
            #expect(try await slow.texts(2) == ["a", "b"])
            #expect(dropped == 1)
        }

        @Test func whatIsDroppedForOneGroupIsKeptForLateOnes() async throws {
            let broker = try MemoryTransport(
                MemoryOptions(capacity: 2, overflow: .dropNewest, retention: .all), observers: Observers())
            try await broker.prepare(topic: "t", group: "full")
            try await publish(["a", "b", "c"], on: broker)
            let late = try await broker.subscribe(to: "t", SubscriptionOptions(group: "late"))
            #expect(try await late.texts(3) == ["a", "b", "c"])
        }

        @Test func dropOldestKeepsWhatIsNew() async throws {
            let broker = try broker(.dropOldest)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(["a", "b", "c", "d"], on: broker)
            #expect(dropped == 2)
            #expect(try await reader.texts(2) == ["c", "d"])
        }

        @Test func dropOldestLeavesWhatIsOut() async throws {
            let broker = try broker(.dropOldest)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(["a", "b"], on: broker)
            let out = try await reader.take(2)
            try await publish(["c"], on: broker)
            reader.acknowledge(out.map(\.token))
            #expect(dropped == 1)
            try await publish(["d"], on: broker)
            #expect(try await reader.texts(1).last == "d")
        }

        /// The oldest may be inside the group already, behind the front door.
        @Test func dropOldestTakesTheOldestOfAll() async throws {
            let broker = try broker(.dropOldest, capacity: 3)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(["a", "b", "c"], on: broker)
            #expect(try await reader.texts(1) == ["a"])
            try await publish(["d", "e"], on: broker)
            #expect(try await reader.texts(3) == ["c", "d", "e"])
        }

        /// A message that is dropped must not leave its key locked.
        @Test func dropOldestFreesItsKey() async throws {
            let broker = try broker(.dropOldest)
            let options = SubscriptionOptions(group: "g", ordered: .byKey)
            let reader = try await broker.subscribe(to: "t", options)
            try await broker.publish([Message(text: "a", key: "k"), Message(text: "b", key: "l")], to: "t")
            for record in try await reader.take(2) { reader.settle(record.token, .release) }
            try await broker.publish([Message(text: "c", key: "m"), Message(text: "d", key: "m")], to: "t")
            #expect(try await reader.texts(2) == ["c", "d"])
            try await broker.publish([Message(text: "e", key: "k"), Message(text: "f", key: "l")], to: "t")
            #expect(try await reader.texts(2) == ["e", "f"])
        }

        @Test("A message that waits behind one of its key is dropped when it is the oldest that nobody has")
        func dropOldestTakesWhatWaitsInALane() async throws {
            let broker = try broker(.dropOldest, capacity: 5)
            let options = SubscriptionOptions(group: "g", ordered: .byKey)
            let reader = try await broker.subscribe(to: "t", options)
            try await broker.publish(["k0", "l1", "l2", "k3", "k4"].map { Message(text: $0, key: "\($0.prefix(1))") }, to: "t")
            let out = try await reader.take(2)
            #expect(out.map { $0.message.payload.text } == ["k0", "l1"])
            #expect(try await reader.hasNothing(at: clock))
            // All that is left waits in a lane now: l2 is the oldest, then k3.
            try await broker.publish([Message(text: "m5", key: "m"), Message(text: "k6", key: "k")], to: "t")
            #expect(dropped == 2)
            #expect(broker.depth(of: "t", group: "g")?.total == 5)
            reader.acknowledge(out.map(\.token))
            #expect(try await reader.texts(3).sorted() == ["k4", "k6", "m5"])
            #expect(try await reader.hasNothing(at: clock))
            try await broker.publish([Message(text: "l7", key: "l"), Message(text: "k8", key: "k")], to: "t")
            #expect(try await reader.texts(2) == ["l7", "k8"])
        }

        @Test("The order of each key stands while the oldest are dropped, whatever is out")
        func dropOldestKeepsTheOrderOfKeys() async throws {
            let random = RandomSource(seed: 7)
            let broker = try broker(.dropOldest, capacity: 8)
            let options = SubscriptionOptions(group: "g", prefetch: 4, ordered: .byKey)
            let reader = try await broker.subscribe(to: "t", options)
            var out: [DeliveryRecord] = []
            var last: [String?: Int] = [:]
            var done = 0
            for number in 0..<2_000 {
                try await broker.publish(Message(text: "\(number)", key: "\(random.next() % 3)"), to: "t")
                var batch = DeliveryBatch()
                if random.next() % 2 == 0 { _ = try await reader.pull(into: &batch, upTo: 2, until: clock.now) }
                for record in batch.records {
                    #expect(!out.contains { $0.message.key == record.message.key }, "one of a key at a time")
                    out.append(record)
                }
                guard random.next() % 3 == 0, let record = out.randomElement(using: random) else { continue }
                out.removeAll { $0.token == record.token }
                switch random.next() % 3 {
                case 0: reader.settle(record.token, .retry(after: .zero))
                case 1: reader.settle(record.token, .release)
                default:
                    let text = try #require(Int(record.message.payload.text ?? ""))
                    #expect(last[record.message.key] ?? -1 < text, "the order of key \(record.message.key ?? "")")
                    last[record.message.key] = text
                    done += 1
                    reader.acknowledge([record.token])
                }
            }
            #expect(done > 50)
            let left = try #require(broker.depth(of: "t", group: "g"))
            #expect(left.total <= 8)
            #expect(done + left.total + dropped == 2_000)
        }

        /// Delayed retries hold places, but not those that are free.
        @Test func waitingPublisherUsesTheRoomBesideDelayedRetries() async throws {
            let broker = try broker(.wait, capacity: 4)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(["a", "b", "c", "d"], on: broker)
            for record in try await reader.take(3) { reader.settle(record.token, .retry(after: .seconds(3_600))) }
            let publisher = Task { try await publish(["e", "f"], on: broker) }
            #expect(try await reader.texts(1) == ["d"])
            #expect(try await reader.texts(1) == ["e"])
            #expect(try await reader.texts(1) == ["f"])
            try await withTimeLimit(.seconds(60), "the publisher") { try await publisher.value }
        }
    }
}

extension Subscription {
    /// The next deliveries, unsettled.
    func take(_ count: Int) async throws -> [DeliveryRecord] {
        try await withTimeLimit(.seconds(60), "\(count) deliveries") { [self] in
            var batch = DeliveryBatch()
            while batch.count < count, try await pull(into: &batch, upTo: count - batch.count) {}
            return Array(batch.records)
        }
    }

    /// The payloads of the next deliveries, acknowledged one by one.
    func texts(_ count: Int) async throws -> [String] {
        var texts: [String] = []
        for _ in 0..<count {
            for record in try await take(1) {
                texts.append(record.message.payload.text ?? "")
                acknowledge([record.token])
            }
        }
        return texts
    }

    /// Whether nothing can be taken now. For a transport with a manual clock.
    func hasNothing(at clock: ManualClock) async throws -> Bool {
        var batch = DeliveryBatch()
        return try await !pull(into: &batch, upTo: 1, until: clock.now)
    }
}

extension Array {
    fileprivate func randomElement(using random: RandomSource) -> Element? {
        isEmpty ? nil : self[Int(random.next() % UInt64(count))]
    }
}
