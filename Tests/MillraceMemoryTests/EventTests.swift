import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// What the transport tells its observer.
    @Suite struct Events {
        private let clock = ManualClock()
        private let observer = RecordingObserver()

        private func broker(_ options: MemoryOptions = MemoryOptions()) throws -> MemoryTransport {
            try MemoryTransport(options, clock: clock, observers: Observers([observer]))
        }

        @Test(arguments: [Settlement.acknowledge, .retry(after: .zero), .reject(reason: "late"), .release])
        func secondSettlementIsReported(_ second: Settlement) async throws {
            let broker = try broker()
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await broker.publish(Message(text: "a"), to: "t")
            let out = try await reader.take(1)
            reader.acknowledge(out.map(\.token))
            #expect(observer.events.isEmpty)
            reader.settle(out[0].token, second)
            #expect(ignored == ["settledTwice: 1"])
            #expect(try await reader.hasNothing(at: clock))
        }

        /// The settlements that were ignored, by reason.
        private var ignored: [String] {
            observer.events.compactMap { event in
                guard case .settlementIgnored("t", "g", let count, let reason) = event.kind else { return nil }
                return "\(reason): \(count)"
            }
        }

        @Test(
            "Settling after the close is reported as that, and does nothing",
            arguments: [false, true], [Settlement.acknowledge, .retry(after: .zero), .reject(reason: "late"), .release])
        func settlementAfterCloseIsReported(closesTransport: Bool, _ late: Settlement) async throws {
            let broker = try broker()
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await broker.publish([Message(text: "a"), Message(text: "b")], to: "t")
            let out = try await reader.take(2)
            if closesTransport { await broker.close() } else { await reader.close() }
            reader.settle(out[0].token, late)
            reader.acknowledge(out.map(\.token))
            #expect(ignored == ["subscriptionClosed: 1", "subscriptionClosed: 2"])
            if !closesTransport { #expect(broker.depth(of: "t", group: "g")?.waiting == 2) }
        }

        @Test("Settling after the lease is reported as that, also when somebody else has settled the delivery since")
        func settlementAfterTheLeaseIsReported() async throws {
            let broker = try broker()
            let options = SubscriptionOptions(group: "g", lease: .seconds(1))
            let (slow, quick) = (
                try await broker.subscribe(to: "t", options), try await broker.subscribe(to: "t", options)
            )
            try await broker.publish([Message(text: "a"), Message(text: "b")], to: "t")
            let out = try await slow.take(2)
            slow.acknowledge([out[1].token])
            clock.advance(by: .seconds(1))
            #expect(try await quick.texts(1) == ["a"])
            slow.acknowledge(out.map(\.token))
            #expect(ignored == ["settledTwice: 1", "leaseExpired: 1"])
            slow.settle(out[0].token, .release)
            #expect(ignored.last == "leaseExpired: 1")
        }

        @Test func expiredLeaseIsReported() async throws {
            let broker = try broker()
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g", lease: .seconds(1)))
            try await broker.publish(Message(text: "a"), to: "t")
            _ = try await reader.take(1)
            clock.advance(by: .seconds(1))
            let event = try await observer.event { if case .leaseExpired = $0.kind { true } else { false } }
            guard case .leaseExpired("t", "g", let position, 1) = event.kind else {
                Issue.record("\(event)")
                return
            }
            #expect(position.low == 1)
            #expect(event.level == .warning)
        }

        @Test func droppedDeadLetterIsReported() async throws {
            let broker = try broker(MemoryOptions(deadLetters: .drop))
            #expect(!broker.capabilities.contains(.deadLetters))
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await broker.publish(Message(text: "a"), to: "t")
            reader.settle(try await reader.take(1)[0].token, .reject(reason: "bad customer"))
            let event = try await observer.event { if case .messagesDropped = $0.kind { true } else { false } }
            #expect(event.fields.contains { $0.0 == "reason" && $0.1.description.contains("bad customer") })
            #expect(broker.depth(of: "t", group: "g")?.total == 0)
        }

        @Test func deadLettersSayWhereTheyComeFrom() async throws {
            let broker = try broker(MemoryOptions(deadLetters: .topicSuffix("-dead")))
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let probe = try await TopicProbe(of: "t-dead", on: broker)
            try await broker.publish(Message(text: "a", key: "k"), to: "t")
            for attempt in 1...3 {
                let record = try await reader.take(1)[0]
                reader.settle(record.token, attempt < 3 ? .retry(after: .zero) : .reject(reason: "no"))
            }
            let metadata = try await probe.next().metadata
            #expect(metadata[MetadataKey.poisonReason] == "no")
            #expect(metadata[MetadataKey.poisonTopic] == "t")
            #expect(metadata[MetadataKey.poisonGroup] == "g")
            #expect(metadata[MetadataKey.poisonSubscriber] == "memory")
            #expect(metadata[MetadataKey.poisonAttempts] == "3")
        }
    }

    /// `publishReturns: .whenAcknowledged`.
    @Suite struct PublishUntilAcknowledged {
        private let clock = ManualClock()

        private func broker(
            capacity: Int = 1_024, overflow: MemoryOptions.Overflow = .wait
        ) throws -> MemoryTransport {
            try MemoryTransport(
                MemoryOptions(capacity: capacity, overflow: overflow, publishReturns: .whenAcknowledged), clock: clock)
        }

        @Test func waitsForEveryGroupAndEveryMessage() async throws {
            let broker = try broker()
            let one = try await broker.subscribe(to: "t", SubscriptionOptions(group: "one"))
            let two = try await broker.subscribe(to: "t", SubscriptionOptions(group: "two"))
            let done = Tally()
            let publisher = Task {
                try await broker.publish([Message(text: "a"), Message(text: "b")], to: "t")
                done.add("published")
            }
            #expect(try await one.texts(2) == ["a", "b"])
            let rest = try await two.take(2)
            two.acknowledge([rest[0].token])
            #expect(done.count == 0)
            two.settle(rest[1].token, .retry(after: .seconds(1)))
            #expect(done.count == 0)
            clock.advance(by: .seconds(1))
            #expect(try await two.texts(1) == ["b"])
            try await withTimeLimit(.seconds(60), "the publisher") { try await publisher.value }
        }

        @Test func rejectionEndsTheWait() async throws {
            let broker = try broker()
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let publisher = Task { try await broker.publish(Message(text: "a"), to: "t") }
            reader.settle(try await reader.take(1)[0].token, .reject(reason: "no"))
            try await withTimeLimit(.seconds(60), "the publisher") { try await publisher.value }
        }

        @Test func returnsAtOnceWithoutSubscribers() async throws {
            let broker = try broker()
            try await withTimeLimit(.seconds(60), "the publisher") {
                try await broker.publish(Message(text: "a"), to: "t")
            }
        }

        @Test func cancellationEndsTheWait() async throws {
            let broker = try broker()
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let publisher = Task { try await broker.publish(Message(text: "a"), to: "t") }
            let out = try await reader.take(1)
            publisher.cancel()
            let result = try await withTimeLimit(.seconds(60), "the publisher") { await publisher.result }
            let error = #expect(throws: MillraceError.self) { try result.get() }
            #expect(error?.code == .publishFailed)
            #expect(error?.failures.map(\.index) == [0])
            #expect(error?.failures.first?.error is CancellationError)
            reader.acknowledge(out.map(\.token))
        }

        @Test("What is stored before the rest is refused is waited for, and not listed")
        func refusalWaitsForWhatIsStored() async throws {
            let broker = try broker(capacity: 2, overflow: .refuse)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let ended = Signal()
            let publisher = Task {
                defer { ended.fire() }
                try await broker.publish((0..<3).map { Message(text: "\($0)") }, to: "t")
            }
            let out = try await reader.take(2)
            for _ in 0..<100 { await Task.yield() }
            #expect(!ended.hasFired)
            reader.acknowledge(out.map(\.token))
            let result = try await withTimeLimit(.seconds(60), "the publisher") { await publisher.result }
            let error = #expect(throws: MillraceError.self) { try result.get() }
            #expect(error?.failures.map(\.index) == [2])
            #expect((error?.failures.first?.error as? MillraceError)?.code == .overflow)
        }

        @Test("Cancelled while it waits for room, a publisher lists what is stored but not acknowledged, too")
        func cancelledWhileWaitingForRoom() async throws {
            let broker = try broker(capacity: 2)
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let publisher = Task { try await broker.publish((0..<4).map { Message(text: "\($0)") }, to: "t") }
            _ = try await reader.take(2)
            publisher.cancel()
            let result = try await withTimeLimit(.seconds(60), "the publisher") { await publisher.result }
            let error = #expect(throws: MillraceError.self) { try result.get() }
            #expect(error?.failures.map(\.index) == [0, 1, 2, 3])
        }

        @Test("A group that is forgotten is not waited for")
        func forgottenGroupEndsTheWait() async throws {
            let broker = try broker()
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let publisher = Task { try await broker.publish(Message(text: "a"), to: "t") }
            _ = try await reader.take(1)
            broker.removeGroup("g", of: "t")
            try await withTimeLimit(.seconds(60), "the publisher") { try await publisher.value }
        }

        @Test func handlersDoNotWaitForHandlers() async throws {
            let broker = try broker()
            let router = Router(RouterOptions(observers: []))
            let (seen, all) = (Tally(), Signal())
            try router.handle("first", from: "a", on: broker, to: "b") { message, _ in [Message(id: message.id, text: "b")] }
            try router.handle("second", from: "b", on: broker, to: "a2") { message, _ in
                if seen.add(message.id) == 50 { all.fire() }
                return []
            }
            try await withRunning(router) {
                try await withTimeLimit(.seconds(60), "the publisher") {
                    try await broker.publish((0..<50).map { _ in Message(text: "a") }, to: "a")
                }
                // The publisher has waited for the first handler alone.
                try await withTimeLimit(.seconds(60), "the second handler") { try await all.wait() }
            }
            #expect(seen.count == 50)
        }
    }
}
