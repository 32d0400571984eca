import Millrace

/// What a transport says of the topics of its broker. One that is no `TopicDirectory` has nothing to prove here.
extension ConformanceTest {
    static let directory: [ConformanceTest] = [
        ConformanceTest("asksWithoutMaking", "Asking whether there is a topic makes none; publishing to it does.") { run in
            guard let directory = run.transport as? any TopicDirectory else { return }
            let topic = run.topic("missing")
            // Some can't tell.
            guard try await run.has(topic, directory) == false else { return }
            try expectEqual(try await run.has(topic, directory), false, "whether the topic is there after the first question")
            let reader = try await run.subscribe(to: topic, group: nil)
            try await run.publishing(run.messages(1), to: topic) {
                try expectEqual(try await run.has(topic, directory), true, "whether the topic is there after publishing to it")
                try await reader.drain(1)
            }
            try await reader.close()
        },
        ConformanceTest(
            "listsTopics", "A topic is listed with its groups, and with what each has not acknowledged.", requires: .groups
        ) { run in
            guard let directory = run.transport as? any TopicDirectory else { return }
            let (topic, group, other) = (run.topic(), run.group("first"), run.group("second"))
            let reader = try await run.subscribe(to: topic, group: group)
            let idle = try await run.subscribe(to: topic, SubscriptionOptions(group: other, prefetch: 1))
            try await run.publish(run.messages(3), to: topic)
            try await reader.drain(1)
            try await reader.flush()
            do {
                try await run.expectListed(topic, [group: 2, other: 3], directory)
                try await reader.drain(2)
                try await reader.flush()
                try await run.expectListed(topic, [group: 0, other: 3], directory)
            } catch let error as MillraceError where error.code == .unsupported {
                return
            }
            try await idle.close()
        }.with(room: 4),
    ]
}

extension ConformanceRun {
    fileprivate func has(_ topic: String, _ directory: any TopicDirectory) async throws -> Bool {
        try await limited("asking for topic '\(topic)'") { try await directory.hasTopic(topic) }
    }

    /// Throws unless a topic is listed with what waits for each group, as far as the broker says so: soon, for a broker may take
    /// note of what was acknowledged after it has said so.
    fileprivate func expectListed(_ topic: String, _ lags: [String: Int], _ directory: any TopicDirectory) async throws {
        let end = SystemClock.shared.now.advanced(by: subject.idleTimeout)
        while true {
            let all = try await limited("listing the topics") { try await directory.topics() }
            let found = all.first { $0.name == topic }
            if found?.states(lags) == true { return }
            guard SystemClock.shared.now < end else {
                throw ConformanceFailure(
                    "topic '\(topic)': expected groups that wait for \(lags), it is listed as \(found, default: "nothing")")
            }
            try await SystemClock.shared.sleep(for: .milliseconds(50))
        }
    }
}

extension TopicDescription {
    /// Whether the groups have so much to do, where that is known. A broker may not know one that has acknowledged nothing.
    fileprivate func states(_ lags: [String: Int]) -> Bool {
        guard messages == nil || messages == 3 else { return false }
        guard let groups else { return true }
        return lags.allSatisfy { name, lag in
            guard let group = groups.first(where: { $0.name == name }) else { return lag == 3 }
            return group.lag == nil || group.lag == lag
        }
    }
}
