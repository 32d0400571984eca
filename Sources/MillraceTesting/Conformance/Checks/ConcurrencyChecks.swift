import Millrace

/// Many at once.
extension ConformanceTest {
    static let concurrency: [ConformanceTest] = [
        ConformanceTest(
            "concurrentSubscribers", "Fifty publishers and ten members of a group exchange every message once.",
            requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let sent = run.messages(500)
            var readers: [ConformanceReader] = []
            for _ in 0..<10 {
                readers.append(try await run.subscribe(to: topic, group: group, on: try await run.connect()))
            }
            let received = try await run.share(sent.count, among: readers) {
                try await run.publish(sent, to: topic, publishers: 50)
            }
            try expectSame(received, sent)
        },
        ConformanceTest(
            "manyTopicsAtOnce", "Ten topics are written and read at the same time without mixing."
        ) { run in
            try await withThrowingTaskGroup { tasks in
                for index in 0..<10 {
                    tasks.addTask {
                        let topic = run.topic("topic-\(index)")
                        let reader = try await run.subscribe(to: topic, group: nil)
                        let sent = run.messages(50, "topic \(index)")
                        try await run.publishing(sent, to: topic) {
                            try expectSame(try await reader.drain(50), sent, "topic \(index)")
                        }
                    }
                }
                try await tasks.waitForAll()
            }
        },
        ConformanceTest(
            "concurrentClose", "Ten members that open and close at once leave the group in order.", requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            try await withThrowingTaskGroup { tasks in
                for _ in 0..<10 {
                    tasks.addTask {
                        let transport = try await run.connect()
                        try await run.subscribe(to: topic, group: group, on: transport).close()
                    }
                }
                try await tasks.waitForAll()
            }
            let sent = run.messages(50)
            try await run.publishing(sent, to: topic) {
                let reader = try await run.subscribe(to: topic, group: group)
                try expectSame(try await reader.drain(50), sent)
            }
        },
        ConformanceTest(
            "concurrentPublishers", "Twenty publishers at once, each closed when it is done, lose nothing.", requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let reader = try await run.subscribe(to: topic, group: group)
            let sent = run.messages(1_000)
            let received = try await run.share(sent.count, among: [reader]) {
                try await run.publish(sent, to: topic, publishers: 20, closing: true)
            }
            try expectSame(received, sent)
        },
        ConformanceTest(
            "subscribedTwice", "Two readers of one topic on one transport get a copy each."
        ) { run in
            let topic = run.topic()
            let (one, two) = (
                try await run.subscribe(to: topic, group: nil), try await run.subscribe(to: topic, group: nil)
            )
            let sent = run.messages(20)
            async let first = one.drain(20)
            async let second = two.drain(20)
            try await run.publish(sent, to: topic)
            try expectSame(try await first, sent, "the first reader")
            try expectSame(try await second, sent, "the second reader")
        },
        ConformanceTest(
            "handlerPublishesToItsOwnTopic", "A handler that answers on its own topic does not wait for itself.",
            requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let rounds = min(run.subject.capacity, 2_000) + 5
            let options = SubscriptionOptions(group: group, prefetch: 1)
            let reader = try await run.subscribe(to: topic, options)
            let seed = run.messages(1)
            try await run.publishing(seed, to: topic) {
                try await SubscriptionScope.$current.withValue(reader.subscription) {
                    let first = try await reader.next()
                    try await run.publish(run.messages(rounds, "answer"), to: topic)
                    reader.acknowledge([first])
                }
                try await reader.drain(rounds)
                try await reader.expectNothing("after all answers")
            }
        },
    ]
}

extension ConformanceRun {
    /// Publishes messages one by one from several tasks, each with a transport of its own.
    func publish(_ messages: [Message], to topic: String, publishers: Int, closing: Bool = false) async throws {
        try await withThrowingTaskGroup { tasks in
            for publisher in 0..<publishers {
                tasks.addTask { [self] in
                    let transport = try await connect()
                    for index in stride(from: publisher, to: messages.count, by: publishers) {
                        try await transport.publish(messages[index], to: topic)
                    }
                    if closing, subject.sharesBroker { await transport.close() }
                }
            }
            try await tasks.waitForAll()
        }
    }

    /// Lets readers take and acknowledge until they have `count` deliveries together, while `body` publishes.
    func share(
        _ count: Int, among readers: [ConformanceReader], settle: Bool = true, _ body: () async throws -> Void
    ) async throws -> [DeliveryRecord] {
        let received = DeliveryLog()
        let all = Signal()
        let tasks = readers.map { reader in
            Task {
                var batch = DeliveryBatch()
                while try await reader.subscription.pull(into: &batch, upTo: 8) {
                    let records = Array(batch.records)
                    batch.removeAll()
                    if settle { reader.acknowledge(records) }
                    if received.append(records) >= count { all.fire() }
                }
            }
        }
        defer { for task in tasks { task.cancel() } }
        try await body()
        do {
            try await limited("the deliveries") { try await all.wait() }
        } catch is ConformanceFailure {
            throw ConformanceFailure("the deliveries: expected \(count), got \(received.count)")
        }
        for reader in readers { reader.subscription.stopFetching() }
        try await limited("the end of the readers") { for task in tasks { _ = await task.result } }
        for task in tasks { try await task.value }
        return received.all
    }
}
