import Millrace

/// Who comes before whom.
extension ConformanceTest {
    static let order: [ConformanceTest] = [
        ConformanceTest(
            "totalOrder", "One reader with one pull at a time gets the order in which messages were published.",
            requires: .ordered
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            let sent = run.messages(300)
            async let received = reader.drain(sent.count)
            for message in sent { try await run.transport.publish(message, to: topic) }
            try expectInOrder(try await received, sent)
        },
        ConformanceTest(
            "batchKeepsOrder", "The messages of one publish call keep their order.", requires: .ordered
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            let sent = run.messages(500)
            async let received = reader.drain(sent.count)
            try await run.publish(sent, to: topic)
            try expectInOrder(try await received, sent)
        },
        ConformanceTest(
            "orderOfKeys", "Messages of sixteen keys, read one at a time, keep the order of each key.",
            requires: .orderedByKey
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(ordered: .byKey))
            let sent = run.messages(320) { "key \($0 % 16)" }
            async let received = reader.drain(sent.count)
            try await run.publish(sent, to: topic)
            let records = try await received
            for key in 0..<16 {
                let name = "key \(key)"
                try expectInOrder(records.filter { $0.message.key == name }, sent.filter { $0.key == name }, name)
            }
        },
        ConformanceTest(
            "keyOrderWithManyPulls", "Eight pulls at once keep the order of each key, one message of a key at a time.",
            requires: [.orderedByKey, .groups]
        ) { run in
            let options = SubscriptionOptions(group: run.group(), ordered: .byKey)
            try await run.checkKeyOrder(options, members: 1, pulls: 8)
        },
        ConformanceTest(
            "keyOrderAcrossMembers", "Two members with four pulls each keep the order of each key.",
            requires: [.orderedAcrossMembers, .groups]
        ) { run in
            let options = SubscriptionOptions(group: run.group(), ordered: .byKey)
            try await run.checkKeyOrder(options, members: 2, pulls: 4)
        },
        ConformanceTest(
            "keyOrderSurvivesRetry",
            "A message that is retried comes before later ones of its key; no key at all is a lane, too, where there is one order.",
            requires: [.orderedByKey, .delayedRetry]
        ) { run in
            let hasOneOrder = run.subject.capabilities.contains(.ordered)
            for key in hasOneOrder ? ["key", nil] : ["key"] {
                let topic = run.topic()
                let reader = try await run.subscribe(to: topic, SubscriptionOptions(ordered: .byKey))
                try await run.publishing(run.messages(3) { _ in key }, to: topic) {
                    let first = try await reader.next()
                    try await reader.expectNothing("while the first of its key is out")
                    reader.settle(first, .retry(after: .zero))
                    let order = try await reader.drainOneByOne(3)
                    try expectEqual(order, (0..<3).map { "message \($0)" }, "the order of key \(key ?? "nil")")
                }
            }
        }.with(room: 3),
        ConformanceTest(
            "keyOrderSurvivesReleaseAndReject",
            "The next of a key comes when the one before it is released and done, or rejected.",
            requires: .orderedByKey
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(ordered: .byKey))
            try await run.publishing(run.messages(3) { _ in "key" }, to: topic) {
                reader.settle(try await reader.next(), .release)
                let again = try await reader.next("the released message")
                try await reader.expectNothing("while the first of its key is out again")
                try expectEqual(again.text, "message 0", "the message after a release")
                reader.settle(again, .reject(reason: "test"))
                let order = try await reader.drainOneByOne(2)
                try expectEqual(order, ["message 1", "message 2"], "the order after a rejection")
            }
        }.with(room: 3),
        ConformanceTest(
            "keyOrderSurvivesClose", "A member that closes with messages of a key out and waiting leaves them in order.",
            requires: [.orderedByKey, .groups]
        ) { run in
            let topic = run.topic()
            let options = SubscriptionOptions(group: run.group(), ordered: .byKey)
            let first = try await run.subscribe(to: topic, options)
            try await run.publishing(run.messages(4) { _ in "key" }, to: topic) {
                _ = try await first.next()
                try await first.expectNothing("while the first of its key is out")
                try await first.close()
                let second = try await run.subscribe(to: topic, options)
                let order = try await second.drainOneByOne(4)
                try expectEqual(order, (0..<4).map { "message \($0)" }, "the order")
            }
        }.with(room: 4),
    ]
}

extension ConformanceRun {
    /// Reads keyed messages with many pulls, some of them retried, and checks that no key was ever out of order or out twice.
    func checkKeyOrder(_ options: SubscriptionOptions, members: Int, pulls: Int) async throws {
        let topic = topic()
        let sent = messages(400) { "key \($0 % 10)" }
        var readers: [ConformanceReader] = []
        for _ in 0..<members { readers.append(try await subscribe(to: topic, options, on: try await connect())) }
        let lanes = KeyLanes(sent)
        let tasks = readers.flatMap { reader in
            (0..<pulls).map { number in
                Task {
                    var batch = DeliveryBatch()
                    while try await reader.subscription.pull(into: &batch, upTo: 3) {
                        for record in batch.records {
                            try lanes.enter(record)
                            await self.letRun(number % 3)
                            let mustRetry = record.attempt == 1 && Int(record.text.suffix(1)) == 7
                            try lanes.leave(record, isDone: !mustRetry)
                            reader.settle(record, mustRetry ? .retry(after: .zero) : .acknowledge)
                        }
                        batch.removeAll()
                    }
                }
            }
        }
        defer { for task in tasks { task.cancel() } }
        // A task that fails ends the wait as well.
        let watches = tasks.map { task in Task { if case .failure = await task.result { lanes.isDone.fire() } } }
        defer { for watch in watches { watch.cancel() } }
        try await publish(sent, to: topic)
        try await limited("all messages of all keys") { try await lanes.isDone.wait() }
        for reader in readers { reader.subscription.stopFetching() }
        for task in tasks { try await limited("the end of a pull") { try await task.value } }
    }
}

/// What is out, and what has to be next, for each key.
private final class KeyLanes: Sendable {
    private struct State {
        var expected: [String: ArraySlice<MessageID>] = [:]
        var out: Set<String> = []
    }

    private let state: Lock<State>
    /// Fires when everything was settled for good.
    let isDone = Signal()

    init(_ sent: [Message]) {
        state = Lock(State(expected: Dictionary(grouping: sent) { $0.key ?? "" }.mapValues { $0.map(\.id)[...] }))
    }

    func enter(_ record: DeliveryRecord) throws {
        let key = record.message.key ?? ""
        let (isAlone, isNext) = state.withLock { state in
            (state.out.insert(key).inserted, state.expected[key]?.first == record.message.id)
        }
        try expect(isAlone, "'\(record.text)' came while another message of '\(key)' was out")
        try expect(isNext, "'\(record.text)' came out of the order of '\(key)'")
    }

    func leave(_ record: DeliveryRecord, isDone: Bool) throws {
        let key = record.message.key ?? ""
        let isLast = state.withLock { state in
            state.out.remove(key)
            if isDone { state.expected[key]?.removeFirst() }
            return state.expected.values.allSatisfy(\.isEmpty)
        }
        if isLast { self.isDone.fire() }
    }
}
