import Millrace

/// What Watermill's suite asks of every transport, as far as one reader can tell.
extension ConformanceTest {
    static let universal: [ConformanceTest] = [
        ConformanceTest(
            "publishSubscribe", "Messages published before a group reads arrive unchanged, and a closed reader gets nothing.",
            requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let sent = run.messages(100) { "key \($0 % 7)" }
            try await run.transport.prepare(topic: topic, group: group)
            try await run.publishing(sent, to: topic) {
                let reader = try await run.subscribe(to: topic, group: group)
                try expectSame(try await reader.drain(sent.count), sent)
                try await reader.close()
                var batch = DeliveryBatch()
                let more = try await reader.subscription.pull(into: &batch, upTo: 1)
                try expectEqual(more, false, "a pull after close")
            }
        },
        ConformanceTest(
            "resendOnError", "Messages that are to be retried come again, and so do all others.", requires: .delayedRetry
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            let sent = run.messages(100)
            try await run.publishing(sent, to: topic) {
                for record in try await reader.take(2) { reader.settle(record, .retry(after: .zero)) }
                try expectSame(try await reader.drain(sent.count), sent)
                try await reader.expectNothing("after all were acknowledged")
            }
        },
        ConformanceTest(
            "nextWaitsForAcknowledgement", "With a prefetch of 1 a message comes when the one before it is acknowledged.",
            requires: .ordered
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(prefetch: 1))
            let sent = run.messages(2)
            try await run.publishing(sent, to: topic) {
                let first = try await reader.next()
                try expectEqual(first.text, "message 0", "the first delivery")
                try await reader.expectNothing("before the first is acknowledged")
                reader.acknowledge([first])
                let second = try await reader.next()
                try expectEqual(second.text, "message 1", "the second delivery")
                reader.acknowledge([second])
                try await reader.expectNothing("after both are acknowledged")
            }
        },
        ConformanceTest(
            "continueAfterClose", "A group that is closed and opened again in the middle goes on where it was.",
            requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let sent = run.messages(50)
            try await run.transport.prepare(topic: topic, group: group)
            try await run.publishing(sent, to: topic) {
                var received: [DeliveryRecord] = []
                for _ in 0..<5 {
                    let reader = try await run.subscribe(to: topic, group: group, on: try await run.connect())
                    received += try await reader.drain(10)
                    try await reader.close()
                }
                try expectSame(received, sent)
                let last = try await run.subscribe(to: topic, group: group)
                try await last.expectNothing("after all were acknowledged")
            }
        },
        ConformanceTest(
            "continueAfterErrors", "Readers that fail again and again, and close, lose nothing.",
            requires: [.groups, .delayedRetry]
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let sent = run.messages(50)
            try await run.transport.prepare(topic: topic, group: group)
            try await run.publishing(sent, to: topic) {
                for _ in 0..<3 {
                    let reader = try await run.subscribe(to: topic, group: group)
                    for _ in 0..<20 { reader.settle(try await reader.next(), .retry(after: .zero)) }
                    try await reader.close()
                }
                let reader = try await run.subscribe(to: topic, group: group)
                try expectSame(try await reader.drain(sent.count), sent)
                try await reader.expectNothing("after all were acknowledged")
            }
        },
        ConformanceTest("topicsAreIsolated", "A message comes on its own topic only.") { run in
            let (first, second) = (run.topic("first"), run.topic("second"))
            let (one, two) = (
                try await run.subscribe(to: first, group: nil), try await run.subscribe(to: second, group: nil)
            )
            let (toFirst, toSecond) = (run.messages(20, "one"), run.messages(20, "two"))
            try await run.publishing(toFirst, to: first) {
                try await run.publishing(toSecond, to: second) {
                    try expectSame(try await one.drain(20), toFirst, "the first topic")
                    try expectSame(try await two.drain(20), toSecond, "the second topic")
                    try await one.expectNothing("more on the first topic")
                    try await two.expectNothing("more on the second topic")
                }
            }
        },
        ConformanceTest(
            "unsettledComesBackOnClose", "Closing gives back what is unsettled, without an attempt, and nothing else.",
            requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let sent = run.messages(4)
            try await run.transport.prepare(topic: topic, group: group)
            try await run.publishing(sent, to: topic) {
                let first = try await run.subscribe(to: topic, group: group)
                let taken = try await first.take(4)
                first.acknowledge(Array(taken.prefix(1)))
                try await first.close()
                let second = try await run.subscribe(to: topic, group: group)
                let again = try await second.drain(3)
                try expectSame(again.map(\.message), taken.dropFirst().map(\.message), "what came back")
                if run.subject.capabilities.contains(.attemptCount) {
                    try expectEqual(again.map(\.attempt), [1, 1, 1], "the attempts of what came back")
                }
            }
        },
        ConformanceTest(
            "cancelledReaderLeavesAll", "A reader that is cancelled right after it subscribed leaves all to the next one.",
            requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let first = try await run.subscribe(to: topic, group: group)
            let reading = Task { _ = try await first.pull(upTo: 1) }
            reading.cancel()
            _ = try await run.limited("the end of a cancelled reader") { _ = await reading.result }
            try await first.close()
            let sent = run.messages(20)
            try await run.publishing(sent, to: topic) {
                let second = try await run.subscribe(to: topic, group: group)
                try expectSame(try await second.drain(20), sent)
            }
        },
    ]
}
