import Millrace

/// How deliveries end.
extension ConformanceTest {
    static let settlement: [ConformanceTest] = [
        ConformanceTest(
            "retryCountsAttempts", "A retried message comes back, once for each retry, with its attempts counted.",
            requires: [.delayedRetry, .attemptCount]
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publishing(run.messages(1), to: topic) {
                for attempt in 1...5 {
                    let record = try await reader.next("attempt \(attempt)")
                    try expectEqual(record.attempt, attempt, "the attempt")
                    reader.settle(record, attempt < 5 ? .retry(after: .zero) : .acknowledge)
                }
                try await reader.expectNothing("after it was acknowledged")
            }
        },
        ConformanceTest(
            "retryKeepsItsDelay", "A message that is retried later stays away for the delay, and then comes.",
            requires: .delayedRetry, isTimed: true
        ) { run in
            let topic = run.topic()
            let delay = Duration.milliseconds(300)
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publishing(run.messages(1), to: topic) {
                let first = try await reader.next()
                let start = ContinuousClock.now
                reader.settle(first, .retry(after: delay))
                if run.subject.manualClock != nil {
                    run.elapse(delay - .milliseconds(1))
                    try await reader.expectNothing("before the delay has passed")
                    run.elapse(.milliseconds(1))
                }
                let second = try await reader.next("the second attempt")
                let elapsed = ContinuousClock.now - start
                try expect(
                    run.subject.manualClock != nil || elapsed >= delay - .milliseconds(20),
                    "the delay of a retry: expected \(delay), got \(elapsed)")
                try expectEqual(second.message.id, first.message.id, "the message that came back")
                reader.acknowledge([second])
            }
        },
        ConformanceTest(
            "retriesOfDifferentDelays", "Messages that are retried after different delays come when their own has passed.",
            requires: .delayedRetry, isTimed: true
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publishing(run.messages(3), to: topic) {
                let records = try await reader.take(3)
                let start = ContinuousClock.now
                var delays: [MessageID: Duration] = [:]
                for (record, delay) in zip(records, [600, 300, 100]) {
                    delays[record.message.id] = .milliseconds(delay)
                    reader.settle(record, .retry(after: .milliseconds(delay)))
                }
                for (step, expected) in zip([100, 200, 300], records.reversed()) {
                    run.elapse(.milliseconds(step))
                    let record = try await reader.next()
                    let elapsed = ContinuousClock.now - start
                    if run.subject.manualClock != nil {
                        try expectEqual(record.text, expected.text, "the message that came back")
                    } else if let delay = delays.removeValue(forKey: record.message.id) {
                        try expect(elapsed >= delay - .milliseconds(20), "'\(record.text)': expected \(delay), got \(elapsed)")
                    } else {
                        throw ConformanceFailure("'\(record.text)' came back twice")
                    }
                    reader.acknowledge([record])
                }
            }
        }.with(room: 3),
        ConformanceTest(
            "retryPassesOtherKeys", "While a key waits for its retry, other keys go on, and its own later messages wait.",
            requires: [.delayedRetry, .orderedByKey], isTimed: true
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(ordered: .byKey))
            let sent = run.messages(6) { $0 % 2 == 0 ? "slow" : "fast" }
            try await run.publishing(sent, to: topic) {
                let first = try await reader.next()
                let retried = first.message.key == "slow" ? [0, 2, 4] : [1, 3, 5]
                let other = first.message.key == "slow" ? [1, 3, 5] : [0, 2, 4]
                try expectEqual(first.text, "message \(retried[0])", "the first message")
                reader.settle(first, .retry(after: .seconds(3_600)))
                try expectEqual(
                    try await reader.drainOneByOne(3), other.map { "message \($0)" }, "the messages of the other key")
                try await reader.expectNothing("of the key that waits for its retry")
                // Nobody waits an hour: in real time the rest is left to the close.
                guard run.subject.manualClock != nil else { return }
                run.elapse(.seconds(3_600))
                try expectEqual(
                    try await reader.drainOneByOne(3), retried.map { "message \($0)" }, "the messages of the retried key")
            }
        }.with(room: 6),
        ConformanceTest(
            "rejectGoesToDeadLetters", "A rejected message goes to the dead letters with its reason, and never comes back.",
            requires: .deadLetters
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            let letters = try await run.subscribe(to: run.subject.deadLetterTopic(topic), group: nil)
            let sent = run.messages(2) { "key \($0)" }
            try await run.publishing(sent, to: topic) {
                let first = try await reader.next()
                reader.settle(first, .reject(reason: "no such customer"))
                try await reader.drain(1)
                let letter = try await letters.next("a dead letter")
                letters.acknowledge([letter])
                try expectSame(letter.message, first.message)
                try expectEqual(letter.message.metadata[MetadataKey.poisonReason], "no such customer", "the reason")
                try await reader.expectNothing("after it was rejected")
            }
        },
        ConformanceTest("rejectIsFinal", "A rejected message does not come back.") { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publishing(run.messages(2), to: topic) {
                let first = try await reader.next()
                reader.settle(first, .reject(reason: "test"))
                let other = first.text == "message 0" ? "message 1" : "message 0"
                try expectEqual(try await reader.drain(1).map(\.text), [other], "the other message")
                try await reader.expectNothing("after it was rejected")
            }
        },
        ConformanceTest(
            "firstSettlementStands", "A second settlement changes nothing, whatever the first one was.",
            requires: .delayedRetry
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publishing(run.messages(2), to: topic) {
                let done = try await reader.next()
                reader.settle(done, .acknowledge)
                reader.settle(done, .retry(after: .zero))
                reader.settle(done, .release)
                let retried = try await reader.next()
                reader.settle(retried, .retry(after: .zero))
                reader.settle(retried, .acknowledge)
                reader.settle(retried, .reject(reason: "too late"))
                let again = try await reader.next("the retried message")
                try expectEqual(again.message.id, retried.message.id, "the message that came back")
                reader.acknowledge([again, again])
                try await reader.expectNothing("after all were acknowledged")
            }
        },
        ConformanceTest(
            "releaseKeepsPlaceAndAttempt", "A released message comes back in its old place and its attempt does not count.",
            requires: [.ordered, .attemptCount]
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publishing(run.messages(5), to: topic) {
                let records = try await reader.take(3)
                reader.settle(records[1], .release)
                reader.settle(records[0], .release)
                let rest = try await reader.take(4)
                try expectEqual(rest.map(\.text), [0, 1, 3, 4].map { "message \($0)" }, "the order after a release")
                try expectEqual(rest.map(\.attempt), [1, 1, 1, 1], "the attempts after a release")
                reader.acknowledge(rest + [records[2]])
                try await reader.expectNothing("after all were acknowledged")
            }
        }.with(room: 5),
        ConformanceTest(
            "batchOfAcknowledgements", "Many deliveries can be acknowledged at once, in any order, and settled ones among them."
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publishing(run.messages(4), to: topic) {
                let records = try await reader.take(4)
                reader.acknowledge([records[2]])
                reader.acknowledge(records.reversed())
                try await reader.expectNothing("after all were acknowledged")
            }
        }.with(room: 4),
    ]
}

extension ConformanceTest {
    func with(_ needs: ConformanceNeeds) -> ConformanceTest {
        ConformanceTest(name, statement, requires: requires, needs: needs, isTimed: isTimed, body)
    }
}
