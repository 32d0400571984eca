import Millrace

/// What is refused, and how.
extension ConformanceTest {
    static let naming: [ConformanceTest] = [
        ConformanceTest("invalidTopics", "Empty, endless and unprintable topics are refused by every call.") { run in
            let transport = run.transport
            let names = ["", String(repeating: "x", count: 10_000), "a\nb", "a\0b", "tab\there", "\u{7F}"]
            for name in names {
                let label = "topic \(name.prefix(20).debugDescription)"
                let options = SubscriptionOptions(group: run.group())
                try await expectError(.invalidTopic, "publishing to \(label)") {
                    try await transport.publish(Message(text: "x"), to: name)
                }
                try await expectError(.invalidTopic, "publishing a batch to \(label)") {
                    try await transport.publish(run.messages(2), to: name)
                }
                try await expectError(.invalidTopic, "subscribing to \(label)") {
                    try await transport.subscribe(to: name, options)
                }
                try await expectError(.invalidTopic, "preparing \(label)") {
                    try await transport.prepare(topic: name, group: nil)
                }
            }
        },
        ConformanceTest("longestTopic", "A topic of the greatest length works.") { run in
            let unique = run.topic("longest")
            let topic = unique + String(repeating: "x", count: Naming.maximumTopicLength - unique.utf8.count)
            let reader = try await run.subscribe(to: topic, group: nil)
            let sent = run.messages(2)
            try await run.publishing(sent, to: topic) { try expectSame(try await reader.drain(2), sent) }
        },
        ConformanceTest("emptyMetadataKey", "A message with an empty metadata key is refused, and its batch with it.") { run in
            let topic = run.topic()
            let transport = run.transport
            let reader = try await run.subscribe(to: topic, group: nil)
            let bad = Message(text: "bad", metadata: ["": "value"])
            try await expectError(.invalidMessage, "publishing an empty metadata key") {
                try await transport.publish(bad, to: topic)
            }
            try await expectError(.invalidMessage, "publishing an empty metadata key in a batch") {
                try await transport.publish([Message(text: "good"), bad], to: topic)
            }
            try await reader.expectNothing("of a batch that was refused")
        },
        ConformanceTest("invalidOptions", "Options that are out of their bounds are refused.") { run in
            let topic = run.topic()
            let transport = run.transport
            let wrong: [(String, SubscriptionOptions)] = [
                ("prefetch 0", SubscriptionOptions(prefetch: 0)), ("prefetch -1", SubscriptionOptions(prefetch: -1)),
                ("lease 0", SubscriptionOptions(lease: .zero)), ("an empty group", SubscriptionOptions(group: "")),
                ("an endless group", SubscriptionOptions(group: String(repeating: "g", count: 10_000))),
            ]
            for (label, options) in wrong {
                try await expectError(.invalidOption, "subscribing with \(label)") {
                    try await transport.subscribe(to: topic, options)
                }
            }
        },
        ConformanceTest("emptyBatch", "Publishing no messages does nothing.") { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publish([], to: topic)
            try await reader.expectNothing("of a batch without messages")
        },
    ]
}
