@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite("Replay", .timeLimit(.minutes(1))) struct ReplayTests {
    private let broker: MemoryTransport
    private let quick = Replay.Options(idleTimeout: .milliseconds(20), observers: Observers([]))

    init() throws { broker = try quietBroker() }

    /// Puts dead letters into `poison`, the first with the payload "0".
    private func poison(
        _ count: Int, topic: String = "orders", group: String? = "billing", replays: Int = 0, failedAt: Int64 = 1_000
    ) async throws {
        let letters = (0..<count).map { index in
            var message = Message(text: "\(index)", key: "k", metadata: ["a": "b"])
            message.metadata[MetadataKey.poisonTopic] = topic
            message.metadata[MetadataKey.poisonReason] = index.isMultiple(of: 2) ? "even" : "odd"
            message.metadata[MetadataKey.poisonGroup] = group
            message.metadata[MetadataKey.poisonLastFailedAt] = "\(failedAt)"
            if replays > 0 { message.metadata[MetadataKey.replays] = "\(replays)" }
            return message
        }
        try await broker.publish(letters, to: "poison")
    }

    private var left: Int { broker.depth(of: "poison", group: "millrace-replay")?.total ?? -1 }

    @Test("publishes messages back to where they came from, as they were") func bringsBack() async throws {
        let orders = try await TopicProbe(of: "orders", on: broker)
        let refunds = try await TopicProbe(of: "refunds", on: broker)
        try await poison(2)
        try await poison(1, topic: "refunds")
        let report = try await Replay(from: "poison", on: broker, quick).run()
        #expect(report.replayed == 3 && report.left == 0 && report.isComplete)
        #expect(report.replayedTo == ["orders": 2, "refunds": 1])
        let back = try await orders.collect(2)
        #expect(back.map(\.payload.text) == ["0", "1"])
        #expect(back[0].key == "k")
        #expect(back[0].metadata == ["a": "b", "millrace-replays": "1", "millrace-replay-group": "billing"])
        _ = try await refunds.next()
        #expect(left == 0)
    }

    @Test("fails when there is no poison topic, and makes none") func missing() async throws {
        let error = try await #require(throws: MillraceError.self) { try await Replay(from: "poison", on: broker, quick).run() }
        #expect(error.code == .unknownTopic)
        #expect(error.message == "topic 'poison': memory has no topic of that name, and reading it would make one")
        #expect(try await broker.topics().isEmpty)
        #expect(try await broker.hasTopic("poison") == false)
        try await poison(1)
        #expect(try await broker.hasTopic("poison"))
        #expect(try await Replay(from: "poison", on: broker, quick).run().replayed == 1)
        #expect(
            try await broker.topics() == [
                TopicDescription(name: "orders", messages: nil, groups: []),
                TopicDescription(name: "poison", messages: nil, groups: [GroupDescription(name: "millrace-replay", lag: 0)]),
            ])
    }

    @Test("leaves what the filter says no to, in its old order") func filter() async throws {
        try await poison(5)
        let report = try await Replay(from: "poison", on: broker, quick).run { $0.reason == "odd" }
        #expect(report.replayed == 2 && report.skipped == 3)
        #expect(left == 3)
        let rest = try await broker.subscribe(to: "poison", SubscriptionOptions(group: "millrace-replay"))
        var batch = DeliveryBatch()
        while batch.count < 3, try await rest.pull(into: &batch, upTo: 10) {}
        #expect(batch.records.map(\.message.payload.text) == ["0", "2", "4"])
        #expect(batch.records.allSatisfy { $0.attempt == 1 })
        await rest.close()
    }

    @Test("stops at its limit and says that there is more") func limit() async throws {
        try await poison(5)
        var options = quick
        options.limit = 2
        let report = try await Replay(from: "poison", on: broker, options).run()
        #expect(report.replayed == 2 && !report.isComplete)
        #expect(left == 3)
    }

    @Test("changes nothing when it is dry") func dryRun() async throws {
        let orders = FailingPublisher(failures: 0)
        try await poison(4)
        var options = quick
        options.isDryRun = true
        let report = try await Replay(from: "poison", on: broker, to: orders, options).run()
        #expect(report.replayed == 4)
        #expect(left == 4)
        #expect(orders.published.value.isEmpty)
    }

    @Test("does not bring a message back more often than it may") func loopGuard() async throws {
        try await poison(1, replays: 2)
        try await poison(1, replays: 3)
        let report = try await Replay(from: "poison", on: broker, quick).run()
        #expect(report.replayed == 1 && report.exhausted == 1)
        #expect(left == 1)
    }

    @Test("leaves messages without a record, and those that failed after it began") func others() async throws {
        try await broker.publish(Message(text: "x"), to: "poison")
        try await poison(1, failedAt: .max)
        let report = try await Replay(from: "poison", on: broker, quick).run()
        #expect(report.withoutRecord == 1 && report.failedSince == 1 && report.replayed == 0)
        #expect(left == 2)
    }

    @Test("ends when it holds as many as it may") func window() async throws {
        try await poison(10)
        var options = quick
        options.window = 4
        let report = try await Replay(from: "poison", on: broker, options).run { _ in false }
        #expect(report.skipped == 4 && !report.isComplete)
        #expect(left == 10)
    }

    @Test("keeps to its rate, and ends with its task") func rate() async throws {
        let clock = ManualClock()
        try await poison(3)
        let orders = FailingPublisher(failures: 0)
        var options = quick
        options.clock = clock
        options.rate = (1, .seconds(10))
        let running = Task { [options] in try await Replay(from: "poison", on: broker, to: orders, options).run() }
        try await orders.accepted.wait()
        try await clock.waitForTimers(2)
        clock.advance(by: .seconds(9))
        #expect(orders.published.value.count == 1)
        clock.advance(by: .seconds(1))
        try await withTimeLimit(.seconds(60), "the second message") {
            while orders.published.value.count < 2 { await Task.yield() }
        }
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
        #expect(left == 1)
    }

    @Test("keeps a message that can't be published") func refused() async throws {
        try await poison(2)
        let replay = Replay(from: "poison", on: broker, to: FailingPublisher(failures: 1), quick)
        await #expect(throws: MillraceError.self) { _ = try await replay.run() }
        #expect(left == 2)
    }

    @Test("leaves a letter whose topic is no topic, and goes on with the others") func malformedTopic() async throws {
        try await poison(1, topic: "")
        try await poison(1, topic: "or\u{0}ders")
        try await poison(1)
        let report = try await Replay(from: "poison", on: broker, quick).run()
        #expect(report.replayed == 1 && report.withoutRecord == 2)
        #expect(left == 2)
    }

    @Test("ends at its limit without waiting for more") func limitAtTheEnd() async throws {
        try await poison(2)
        var options = quick
        options.limit = 2
        options.idleTimeout = .seconds(3_600)
        let replay = Replay(from: "poison", on: broker, options)
        let report = try await withTimeLimit(.seconds(60), "the run") { try await replay.run() }
        #expect(report.replayed == 2)
    }

    @Test("ends though messages go on failing") func liveFailures() async throws {
        let clock = ManualClock()
        let broker = try quietBroker(clock: clock)
        var letter = Message(text: "new", metadata: [MetadataKey.poisonTopic: "orders"])
        letter.metadata[MetadataKey.poisonLastFailedAt] = "\(Int64.max)"
        try await broker.publish(letter, to: "poison")
        var options = quick
        options.clock = clock
        options.idleTimeout = .seconds(3)
        let replay = Replay(from: "poison", on: broker, options)
        let report = Box<Replay.Report?>(nil)
        async let running: Void = {
            let result = try await replay.run()
            report.update { $0 = result }
        }()
        try await withTimeLimit(.seconds(60), "the run") { [letter] in
            for _ in 0..<20 where report.value == nil {
                try await clock.waitForTimers(2)
                clock.advance(by: .seconds(1))
                try await broker.publish(letter, to: "poison")
                for _ in 0..<100 where report.value == nil { await Task.yield() }
            }
        }
        try await running
        let failedSince = try #require(report.value).failedSince
        #expect(failedSince < 6, "\(failedSince)")
        #expect(report.value?.isComplete == true)
    }

    @Test("sends its acknowledgements also when it fails") func flushesWhenFailing() async throws {
        try await poison(3)
        let reader = LateAcknowledgements(base: broker)
        let orders = FaultyTransport(broker, plan: [.failPublish: .nth(3)])
        await #expect(throws: MillraceError.self) {
            _ = try await Replay(from: "poison", on: reader, to: orders, quick).run()
        }
        #expect(left == 1)
    }

    @Test("that loses its subscription says so, instead of having seen the end") func closed() async throws {
        try await poison(1)
        var options = quick
        options.idleTimeout = .seconds(3_600)
        let orders = FailingPublisher(failures: 0)
        let replay = Replay(from: "poison", on: broker, to: orders, options)
        async let running = replay.run()
        try await orders.accepted.wait()
        await broker.close()
        do {
            _ = try await running
            Issue.record("nothing was thrown")
        } catch {
            #expect((error as? MillraceError)?.code == .closed, "\(error)")
        }
    }

    @Test("is for the group that failed; other groups acknowledge unseen, and outputs are for everyone")
    func onlyFailedGroup() async throws {
        let isMended = Box(false)
        let seen = Box<[String]>([])
        let observer = RecordingObserver(level: .error)
        var options = RouterOptions.quiet
        options.observers = [observer]
        let router = Router(options) { PoisonQueue("poison", on: broker) }
        try router.handle("billing", from: "orders", on: broker, to: "bills") { message, _ in
            guard isMended.value else { throw Flaky() }
            return [message]
        }
        try router.consume("audit", from: "orders", on: broker) { message, _ in seen.update { $0.append("audit") } }
        try router.consumeBatches("batches", from: "orders", on: broker, upTo: 10, within: .zero) { batch, _ in
            seen.update { $0 += batch.map { _ in "batches" } }
        }
        try router.consume("post", from: "bills", on: broker) { _, _ in seen.update { $0.append("post") } }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "orders")
            try await observer.event { if case .messagePoisoned = $0.kind { true } else { false } }
            isMended.update { $0 = true }
            #expect(try await Replay(from: "poison", on: broker, quick).run().replayed == 1)
            try await withTimeLimit(.seconds(60), "the groups") {
                while !seen.value.contains("post") || broker.depth(of: "orders", group: "audit")?.total != 0
                    || broker.depth(of: "orders", group: "batches")?.total != 0
                { await Task.yield() }
            }
        }
        #expect(seen.value.sorted() == ["audit", "batches", "post"])
    }

    @Test("with bad parameters is refused") func bounds() async throws {
        for (options, name) in [
            (Replay.Options(limit: 0), "limit"), (.init(maximumReplays: 0), "maximumReplays"), (.init(window: 0), "window"),
            (.init(rate: (0, .seconds(1))), "rate.count"), (.init(rate: (1, .zero)), "rate.interval"),
            (.init(idleTimeout: .zero), "idleTimeout"), (.init(lease: .zero), "lease"),
        ] {
            let error = await #expect(throws: MillraceError.self) {
                _ = try await Replay(from: "poison", on: broker, options).run()
            }
            #expect(error?.code == .invalidOption)
            #expect(error?.message.contains(name) == true)
        }
    }
}
