import Millrace

/// A broker that goes away and comes back.
extension ConformanceTest {
    static let restarts: [ConformanceTest] = [
        ConformanceTest(
            "reconnect", "Publishers that try again and a reader that goes on survive two restarts of the broker.",
            requires: [.groups, .durable], needs: ConformanceNeeds(restart: true)
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let sent = run.messages(1_000)
            let reader = try await run.subscribe(to: topic, group: group)
            let seen = DeliveryLog()
            let all = Signal()
            let reading = Task {
                var batch = DeliveryBatch()
                while try await reader.subscription.pull(into: &batch, upTo: 32) {
                    reader.acknowledge(Array(batch.records))
                    seen.append(batch.records)
                    if seen.ids.count == sent.count { all.fire() }
                    batch.removeAll()
                }
            }
            defer { reading.cancel() }
            try await withThrowingTaskGroup { tasks in
                for publisher in 0..<10 {
                    tasks.addTask {
                        for index in stride(from: publisher, to: sent.count, by: 10) {
                            if index == sent.count / 3 || index == sent.count / 2 { try await run.subject.restart?() }
                            try await run.publishUntilAccepted(sent[index], to: topic)
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            try await run.limited("all messages after two restarts") { try await all.wait() }
        }
    ]
}

extension ConformanceRun {
    /// Publishes a message again as long as the transport says that another try can help.
    func publishUntilAccepted(_ message: Message, to topic: String) async throws {
        let deadline = SystemClock.shared.now.advanced(by: subject.idleTimeout)
        while true {
            do {
                return try await transport.publish(message, to: topic)
            } catch let error as MillraceError where error.isRetriable && SystemClock.shared.now < deadline {
                await Task.yield()
            }
        }
    }
}
