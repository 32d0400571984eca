import Millrace

/// The end, at any moment.
extension ConformanceTest {
    static let closing: [ConformanceTest] = [
        ConformanceTest("callsAfterClose", "Every call after close fails with `closed`.") { run in
            let (transport, topic, other) = (run.transport, run.topic(), run.topic("other"))
            try await run.publishing(run.messages(1), to: topic) {}
            try await run.closeTransport()
            for name in [topic, other] {
                try await expectError(.closed, "publishing after close") {
                    try await transport.publish(Message(text: "x"), to: name)
                }
                try await expectError(.closed, "publishing a batch after close") {
                    try await transport.publish(run.messages(2), to: name)
                }
                try await expectError(.closed, "subscribing after close") {
                    try await transport.subscribe(to: name, SubscriptionOptions(group: "g"))
                }
                try await expectError(.closed, "preparing after close") {
                    try await transport.prepare(topic: name, group: "g")
                }
            }
        },
        ConformanceTest("closeTwice", "Transports and subscriptions can be closed again, at once, and in any order.") { run in
            let topic = run.topic()
            let readers = [
                try await run.subscribe(to: topic, group: nil), try await run.subscribe(to: topic, group: run.group()),
            ]
            try await readers[0].close()
            try await readers[0].close()
            try await withThrowingTaskGroup { tasks in
                for _ in 0..<4 { tasks.addTask { try await run.closeTransport() } }
                for reader in readers { tasks.addTask { try await reader.close() } }
                try await tasks.waitForAll()
            }
            try await run.closeTransport()
            for reader in readers { try await reader.close() }
        },
        ConformanceTest("closeEndsPulls", "Pulls that wait when the transport or their subscription is closed return false.") {
            run in
            for closesTransport in [false, true] {
                let reader = try await run.subscribe(to: run.topic(), group: nil)
                let subscription = reader.subscription
                let waiting = (0..<3).map { _ in
                    Task {
                        var batch = DeliveryBatch()
                        return try await subscription.pull(into: &batch, upTo: 1)
                    }
                }
                await run.letRun(5)
                try await (closesTransport ? run.closeTransport() : reader.close())
                for task in waiting {
                    let more = try await run.limited("a pull at close") { try await task.value }
                    try expectEqual(more, false, "a pull at close")
                }
            }
        },
        ConformanceTest("closeWithUnsettled", "Closing with deliveries out does not hang, and settling them later does no harm.")
        { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publish(run.messages(3), to: topic)
            let out = try await reader.take(3)
            try await run.closeTransport()
            reader.acknowledge([out[0]])
            reader.settle(out[1], .retry(after: .milliseconds(1)))
            reader.settle(out[2], .reject(reason: "late"))
            reader.subscription.renew(out.map(\.token))
            try await reader.close()
        }.with(room: 3),
        ConformanceTest(
            "closeEndsPublishers", "A publisher that waits for room when the transport is closed fails with `closed`.",
            requires: [.backPressure, .groups], needs: ConformanceNeeds(room: 1, reachableCapacity: true)
        ) { run in
            let (transport, topic) = (run.transport, run.topic())
            _ = try await run.subscribe(to: topic, group: run.group())
            let sent = run.messages(run.subject.capacity + 2)
            let publisher = Task { try await transport.publish(sent, to: topic) }
            try await run.expectWaiting(publisher, "publishing beyond the capacity")
            try await run.closeTransport()
            let result = try await run.limited("a publisher at close") { await publisher.result }
            guard case .failure(let error) = result, let error = error as? MillraceError else {
                throw ConformanceFailure("a publisher at close: expected an error, got \(result)")
            }
            let codes = Set(error.failures.map { ($0.error as? MillraceError)?.code })
            try expect(
                error.code == .closed || codes == [.closed], "a publisher at close: expected closed, got \(error), \(codes)")
        },
        ConformanceTest(
            "acknowledgedWhileDraining", "What is acknowledged between stopFetching and close never comes again.",
            requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            // A member for each, which takes seconds where members share by partitions.
            let sent = run.messages(run.subject.sharesByPartition ? 5 : 30)
            try await run.transport.prepare(topic: topic, group: group)
            try await run.publishing(sent, to: topic) {
                var done: [DeliveryRecord] = []
                while done.count < sent.count {
                    let transport = try await run.connect()
                    let reader = try await run.subscribe(to: topic, group: group, on: transport)
                    let out = try await reader.take(1)
                    reader.subscription.stopFetching()
                    for record in out { reader.acknowledge([record]) }
                    try await reader.flush()
                    try await reader.close()
                    done += out
                }
                try expectSame(done, sent, "what was acknowledged")
                let last = try await run.subscribe(to: topic, group: group)
                try await last.expectNothing("after all were acknowledged")
            }
        },
        ConformanceTest(
            "closeAtAnyMoment",
            "A reader that is closed at any of 50 moments under load loses nothing and doubles nothing it settled.",
            requires: .groups
        ) { run in
            // Where joining a group takes seconds, many at a time.
            let step = run.subject.sharesByPartition ? 25 : 1
            for first in stride(from: 0, to: 50, by: step) {
                try await withThrowingTaskGroup { tasks in
                    for moment in first..<first + step {
                        let random = RandomSource(seed: UInt64(50 + moment))
                        tasks.addTask { try await run.closeUnderLoad(random, "moment \(moment)") }
                    }
                    try await tasks.waitForAll()
                }
            }
        },
    ]
}

extension ConformanceRun {
    func closeTransport() async throws {
        let transport = transport
        try await limited("closing the transport") { await transport.close() }
    }

    /// Publishes and reads at full speed, closes the reader at a random moment, and reads the rest.
    func closeUnderLoad(_ random: RandomSource, _ purpose: String) async throws {
        let (topic, group) = (topic(), group())
        let options = SubscriptionOptions(group: group, prefetch: Int(random.next() % 16) + 1)
        let transport = transport
        let reader = try await subscribe(to: topic, options, on: try await connect())
        let sent = messages(60)
        let done = DeliveryLog()
        let moment = Int(random.next() % 40)
        let reached = Signal()
        let publisher = Task { for message in sent { try await transport.publish(message, to: topic) } }
        let pulls = (0..<3).map { number in
            Task {
                var batch = DeliveryBatch()
                while try await reader.subscription.pull(into: &batch, upTo: 4) {
                    for record in batch.records {
                        // Half of the last messages stay unsettled when the reader is closed.
                        if reached.hasFired, number == 0 { break }
                        let count = done.append([record])
                        reader.acknowledge([record])
                        if count >= moment { reached.fire() }
                    }
                    batch.removeAll()
                }
            }
        }
        try await limited("\(purpose): the moment to close") { try await reached.wait() }
        // The first phase, so that no acknowledgement comes too late to count.
        reader.subscription.stopFetching()
        for pull in pulls { try await limited("\(purpose): the end of a pull") { try await pull.value } }
        try await reader.flush()
        try await reader.close()
        let rest = try await subscribe(to: topic, options)
        let records = try await rest.drain(sent.count - done.count)
        try await limited("\(purpose): the publisher") { try await publisher.value }
        try expectSame(done.all + records, sent, purpose)
        try await rest.close()
    }
}
