import Millrace

/// What is one message, and what are two: no broker may take one for the other.
extension ConformanceTest {
    static let identity: [ConformanceTest] = [
        ConformanceTest(
            "passedOn", "Messages that are passed on as they came, to one topic and another and the next, arrive on each.",
            requires: .groups
        ) { run in
            let topics = ["in", "out", "copy", "next"].map { run.topic($0) }
            let groups = topics.map { _ in run.group() }
            for (topic, group) in zip(topics, groups) { try await run.transport.prepare(topic: topic, group: group) }
            let sent = run.messages(20) { "key \($0 % 3)" }
            func pass(_ source: Int, to targets: [Int]) async throws {
                let reader = try await run.subscribe(to: topics[source], group: groups[source])
                let records = try await reader.take(sent.count)
                try expectSame(records, sent, "what has come to '\(topics[source])'")
                for target in targets { try await run.publish(records.map(\.message), to: topics[target]) }
                reader.acknowledge(records)
                try await reader.close()
            }
            try await run.publishing(sent, to: topics[0]) { try await pass(0, to: [1, 2]) }
            try await pass(1, to: [3])
            try await pass(2, to: [])
            try await pass(3, to: [])
        }.with(room: 40),
        ConformanceTest(
            "sharedIDs", "Messages that others have given one id all arrive, and all of them can be passed on.",
            requires: .groups
        ) { run in
            let topics = [run.topic("in"), run.topic("out")]
            let groups = topics.map { _ in run.group() }
            for (topic, group) in zip(topics, groups) { try await run.transport.prepare(topic: topic, group: group) }
            let sent = (0..<20).map { Message(id: "the one", text: "message \($0)") }
            try await run.publishing(sent, to: topics[0]) {
                let reader = try await run.subscribe(to: topics[0], group: groups[0])
                let records = try await reader.drain(sent.count)
                try expectEqual(Set(records.map(\.text)), Set(sent.map { $0.payload.text ?? "" }), "what has come")
                try await run.publish(records.map(\.message), to: topics[1])
            }
            let reader = try await run.subscribe(to: topics[1], group: groups[1])
            let records = try await reader.drain(sent.count)
            try expectEqual(Set(records.map(\.text)), Set(sent.map { $0.payload.text ?? "" }), "what was passed on")
        }.with(room: 20),
    ]
}
