import Millrace

/// Outputs and acknowledgements in one step.
extension ConformanceTest {
    static let transactions: [ConformanceTest] = [
        ConformanceTest(
            "transactionIsWhole", "A transaction publishes its outputs and acknowledges its inputs.",
            requires: [.groups, .transactions]
        ) { run in
            let (input, output, group) = (run.topic("input"), run.topic("output"), run.group())
            try await run.transport.prepare(topic: output, group: group)
            let reader = try await run.subscribe(to: input, SubscriptionOptions(group: group, transactional: true))
            let outputs = try await run.subscribe(to: output, group: group)
            try await run.publish(run.messages(3), to: input)
            let records = try await reader.take(3)
            let made = run.messages(2, "made")
            try await reader.commit([TopicMessages(made, to: output)], acknowledging: Array(records.prefix(2)))
            let seen = try await outputs.drain(2)
            try expectEqual(Set(seen.map(\.text)), Set(made.compactMap(\.payload.text)), "the outputs")
            reader.settle(records[2], .retry(after: .zero))
            let again = try await reader.next("the one that was left")
            try expectEqual(again.message.id, records[2].message.id, "what comes again")
            try await reader.expectNothing("besides the one that was left")
        },
        ConformanceTest(
            "transactionOfTheSettledFails", "A transaction with a delivery that is over publishes and acknowledges nothing.",
            requires: [.groups, .transactions]
        ) { run in
            let (input, output, group) = (run.topic("input"), run.topic("output"), run.group())
            try await run.transport.prepare(topic: output, group: group)
            let reader = try await run.subscribe(to: input, SubscriptionOptions(group: group, transactional: true))
            let outputs = try await run.subscribe(to: output, group: group)
            try await run.publish(run.messages(2), to: input)
            let records = try await reader.take(2)
            reader.acknowledge([records[0]])
            try await reader.flush()
            let made = TopicMessages(run.messages(1, "made"), to: output)
            do {
                try await reader.commit([made], acknowledging: records)
                throw ConformanceFailure("a transaction with a delivery that was settled before: expected an error, it succeeded")
            } catch let error as MillraceError {
                try expect(error.isRetriable, "an error that another try may help with, got \(error)")
            }
            try await reader.commit([made], acknowledging: [records[1]])
            try expectEqual(try await outputs.drain(1).map(\.text), ["made 0"], "the outputs")
            try await outputs.expectNothing("of a transaction that failed")
        },
        ConformanceTest(
            "transactionsStay", "What was committed is not handed out to whoever follows, and what was not is.",
            requires: [.groups, .transactions], needs: ConformanceNeeds(keptTransactions: true)
        ) { run in
            let (input, output, group) = (run.topic("input"), run.topic("output"), run.group())
            let first = try await run.subscribe(to: input, SubscriptionOptions(group: group, transactional: true))
            try await run.publish(run.messages(20), to: input)
            let records = try await first.take(20)
            for index in stride(from: 0, to: 20, by: 2) {
                let made = Message(text: "made of \(records[index].text)")
                try await first.commit([TopicMessages([made], to: output)], acknowledging: [records[index]])
            }
            try await first.close()
            let second = try await run.subscribe(
                to: input, SubscriptionOptions(group: group, transactional: true), on: try await run.connect())
            let rest = try await second.take(10)
            let expected = stride(from: 1, to: 20, by: 2).map { records[$0].text }
            try expectEqual(Set(rest.map(\.text)), Set(expected), "what the next member gets")
            let outputs = try await run.subscribe(to: output, SubscriptionOptions(group: group, start: .beginning))
            try expectEqual(try await outputs.drain(10).count, 10, "the number of outputs")
            try await outputs.expectNothing("besides the outputs of what was committed")
        },
    ]
}

extension ConformanceReader {
    /// Commits a transaction, and fails when that takes too long.
    func commit(_ outputs: [TopicMessages], acknowledging records: [DeliveryRecord]) async throws {
        guard let transactional = subscription as? any TransactionalSubscription else {
            throw ConformanceFailure(
                "a subscription with transactional: expected a TransactionalSubscription, got \(type(of: subscription))")
        }
        let tokens = records.map(\.token)
        try await withTimeLimit(idleTimeout, "a transaction") { try await transactional.commit(outputs, acknowledging: tokens) }
    }
}
