import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// The fault injector.
    @Suite struct Faults {
        private let clock = ManualClock()

        private func faulty(_ plan: FaultPlan, seed: UInt64 = 0) -> FaultyTransport {
            FaultyTransport(
                MemoryTransport(clock: clock, observers: Observers()), plan: plan, seed: seed, clock: clock)
        }

        private func publish(_ count: Int, on broker: FaultyTransport) async throws {
            for number in 0..<count { try await broker.publish(Message(text: "\(number)"), to: "t") }
        }

        /// Without a plan it is a transport like any other.
        @Test(arguments: ConformanceTest.all) func conformsWithoutFaults(_ test: ConformanceTest) async throws {
            let clock = ManualClock()
            var subject = ConformanceSubject.memory(MemoryOptions(), clock: clock)
            subject.name = "faulty memory"
            subject.connect = {
                FaultyTransport(MemoryTransport(clock: clock, observers: Observers()), clock: clock)
            }
            try await test.run(on: subject)
        }

        @Test(arguments: [Fault.failPublish, .losePublishReply]) func nthPublishFails(_ fault: Fault) async throws {
            let broker = faulty([fault: .nth(2)])
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(1, on: broker)
            do {
                try await broker.publish([Message(text: "x"), Message(text: "y")], to: "t")
                Issue.record("the second publish call succeeded")
            } catch let error as MillraceError {
                #expect(error.code == .publishFailed && error.isRetriable)
                #expect(error.failures.map(\.index) == [0, 1])
            }
            try await broker.publish(Message(text: "last"), to: "t")
            let expected = fault == .failPublish ? ["0", "last"] : ["0", "x", "y", "last"]
            #expect(try await reader.texts(expected.count) == expected)
            #expect(broker.count(of: fault) == 1)
        }

        /// Found by simulation, seed 323: a reader whose prefetch was used up was not woken when a lease ran out.
        @Test func readerWithFullPrefetchWakesWhenItsLeaseRunsOut() async throws {
            let broker = MemoryTransport(clock: clock, observers: Observers())
            let reader = try await broker.subscribe(
                to: "t", SubscriptionOptions(group: "g", prefetch: 1, lease: .seconds(5)))
            try await broker.publish(Message(text: "0"), to: "t")
            _ = try await reader.take(1)
            let deadline = clock.now.advanced(by: .seconds(60))
            async let again = withTimeLimit(.seconds(30), "the delivery whose lease ran out") {
                var batch = DeliveryBatch()
                _ = try await reader.pull(into: &batch, upTo: 1, until: deadline)
                return batch.records.map(\.attempt)
            }
            // Those of the lease and of the reader, which waits then.
            try await clock.waitForTimers(2)
            clock.advance(by: .seconds(5))
            #expect(try await again == [2])
        }

        @Test func droppedAcknowledgementComesBackAfterItsLease() async throws {
            let broker = faulty([.dropAcknowledgement: .nth(1)])
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g", lease: .seconds(5)))
            try await publish(2, on: broker)
            reader.acknowledge(try await reader.take(2).map(\.token))
            #expect(try await reader.hasNothing(at: clock))
            clock.advance(by: .seconds(5))
            let again = try await reader.take(1)
            #expect(again.map(\.attempt) == [2])
            #expect(again[0].message.payload.text == "0")
            reader.acknowledge(again.map(\.token))
            clock.advance(by: .seconds(60))
            #expect(try await reader.hasNothing(at: clock))
        }

        @Test func duplicatedDeliveryComesTwice() async throws {
            let broker = faulty([.duplicateDelivery: .nth(2)])
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(3, on: broker)
            #expect(try await reader.texts(4) == ["0", "1", "1", "2"])
            #expect(try await reader.hasNothing(at: clock))
        }

        @Test func cutSubscriptionIsLostAndItsGroupIsNot() async throws {
            let broker = faulty([.cutSubscription: .nth(2)])
            let options = SubscriptionOptions(group: "g")
            let reader = try await broker.subscribe(to: "t", options)
            try await publish(4, on: broker)
            #expect(try await reader.texts(1) == ["0"])
            let out = try await reader.take(1)
            for _ in 0..<2 {
                await #expect {
                    var batch = DeliveryBatch()
                    _ = try await reader.pull(into: &batch, upTo: 1)
                } throws: { error in
                    guard let error = error as? MillraceError else { return false }
                    return error.code == .connectionFailed && error.isRetriable
                }
            }
            reader.acknowledge(out.map(\.token))
            await reader.close()
            let next = try await broker.subscribe(to: "t", options)
            #expect(try await next.texts(3) == ["1", "2", "3"])
        }

        @Test func cutWakesOtherPulls() async throws {
            let broker = faulty([.cutSubscription: .nth(1)])
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let pulls = (0..<3).map { _ in
                Task {
                    var batch = DeliveryBatch()
                    while try await reader.pull(into: &batch, upTo: 1) {}
                }
            }
            try await publish(1, on: broker)
            for pull in pulls {
                let result = try await withTimeLimit(.seconds(60), "a pull of a cut subscription") { await pull.result }
                #expect { try result.get() } throws: { ($0 as? MillraceError)?.code == .connectionFailed }
            }
        }

        @Test func delaysFollowTheClock() async throws {
            let broker = faulty([.delayPublish(.seconds(1)): .nth(1), .delayDelivery(.seconds(2)): .nth(1)])
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            let publisher = Task { try await publish(1, on: broker) }
            try await clock.waitForTimers()
            #expect(try await reader.hasNothing(at: clock))
            clock.advance(by: .seconds(1))
            try await publisher.value
            let pull = Task { try await reader.texts(1) }
            // The lease of the delivery is the other timer.
            try await clock.waitForTimers(2)
            clock.advance(by: .seconds(2))
            #expect(try await pull.value == ["0"])
        }

        @Test func delayedDeliveryThatIsCancelledGoesBack() async throws {
            let broker = faulty([.delayDelivery(.seconds(2)): .nth(1)])
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(1, on: broker)
            let pull = Task {
                var batch = DeliveryBatch()
                return try await reader.pull(into: &batch, upTo: 1)
            }
            try await clock.waitForTimers(2)
            pull.cancel()
            await #expect(throws: CancellationError.self) { try await pull.value }
            #expect(try await reader.take(1).map(\.attempt) == [1])
        }

        @Test func seedsRepeat() async throws {
            func run(_ seed: UInt64) async throws -> [String] {
                let broker = faulty([.duplicateDelivery: .probability(0.3)], seed: seed)
                let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
                try await publish(50, on: broker)
                var texts: [String] = []
                while try await !reader.hasNothingMore(at: clock, &texts) {}
                return texts
            }
            let (first, second, other) = (try await run(1), try await run(1), try await run(2))
            #expect(first == second)
            #expect(first != other)
            #expect(Set(first).count == 50 && first.count > 50)
        }

        @Test func healedTransportWorks() async throws {
            let broker = faulty([.failPublish: .always])
            await #expect(throws: MillraceError.self) { try await publish(1, on: broker) }
            broker.use([:])
            let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
            try await publish(1, on: broker)
            #expect(try await reader.texts(1) == ["0"])
        }

        /// A router on a bad day: cut subscriptions, lost replies, duplicates, lost acknowledgements.
        @Test(arguments: 0..<5) func routerLosesNothing(seed: UInt64) async throws {
            let base = MemoryTransport(observers: Observers())
            let broker = FaultyTransport(
                base,
                plan: [
                    .cutSubscription: .probability(0.02), .duplicateDelivery: .probability(0.1),
                    .failPublish: .probability(0.1), .losePublishReply: .probability(0.1),
                    .dropAcknowledgement: .probability(0.1),
                ], seed: seed)
            try await base.prepare(topic: "a", group: "copy")
            let probe = try await TopicProbe(of: "b", on: base)
            let restart = Backoff.constant(.milliseconds(1))
            let router = Router(RouterOptions(restart: restart, observers: []))
            let options = HandlerOptions(concurrency: 4, redelivery: restart, lease: .milliseconds(200))
            try router.handle("copy", from: "a", on: broker, to: "b", options: options) { message, _ in [message] }
            try await withRunning(router) {
                var (sent, seen): (Set<MessageID>, Set<MessageID>) = ([], [])
                // On until each fault has happened: how often something is pulled depends on how busy the machine is.
                while sent.isEmpty || broker.count(of: .cutSubscription) == 0 || broker.count(of: .dropAcknowledgement) == 0 {
                    let more = (0..<200).map { _ in MessageID.next() }
                    try await base.publish(more.map { Message(id: $0, text: "x") }, to: "a")
                    sent.formUnion(more)
                    while seen.count < sent.count { seen.insert(try await probe.next().id) }
                }
                #expect(seen == sent)
            }
        }
    }
}

extension Subscription {
    /// Takes one delivery if there is one, and says whether there was none.
    func hasNothingMore(at clock: ManualClock, _ texts: inout [String]) async throws -> Bool {
        var batch = DeliveryBatch()
        guard try await pull(into: &batch, upTo: 1, until: clock.now) else { return true }
        texts += batch.records.map { $0.message.payload.text ?? "" }
        acknowledge(batch.records.map(\.token))
        return false
    }
}
