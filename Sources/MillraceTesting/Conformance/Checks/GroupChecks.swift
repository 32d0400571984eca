import Millrace

/// Consumer groups.
extension ConformanceTest {
    static let groups: [ConformanceTest] = [
        ConformanceTest(
            "consumerGroups", "Each of two groups gets every message.", requires: .groups, eachGroupGetsAll),
        ConformanceTest(
            "membersShare", "Two members of a group share its messages; none comes to both.", requires: .groups, sharedByMembers),
        ConformanceTest(
            "liveGroups", "Each of two groups gets what comes while it has members.", requires: .liveGroups, eachGroupGetsAll),
        ConformanceTest(
            "liveMembersShare", "Two members of a group share what comes while they are there.", requires: .liveGroups,
            sharedByMembers),
        ConformanceTest(
            "takeOverAfterClose", "When a member closes, the others get what it had not settled.", requires: .groups
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let leaving = try await run.subscribe(to: topic, SubscriptionOptions(group: group, prefetch: 2))
            let sent = run.messages(6)
            try await run.publishing(sent, to: topic) {
                _ = try await leaving.take(2)
                let staying = try await run.subscribe(to: topic, group: group, on: try await run.connect())
                let waiting = Task { try await staying.drain(6) }
                try await leaving.close()
                try expectSame(try await waiting.value, sent)
                try await staying.expectNothing("after all were acknowledged")
            }
        },
        ConformanceTest(
            "idleMemberIsServed", "A message that a busy member can't take goes to an idle one at once.", requires: .groups
        ) { run in
            for round in 0..<20 {
                let (topic, group) = (run.topic("round-\(round)"), run.group())
                let sent = run.messages(2)
                let busy = try await run.subscribe(to: topic, SubscriptionOptions(group: group, prefetch: 1))
                let idle = try await run.subscribe(to: topic, group: group)
                let received = try await run.share(2, among: [busy, idle, busy], settle: false) {
                    try await run.publish(sent, to: topic)
                }
                try expectSame(received, sent, "round \(round)")
            }
        }.with(ConformanceNeeds(room: 2, sharesMessageByMessage: true)),
        ConformanceTest(
            "cancelledMemberPassesOn", "A member whose pull is cancelled as a message arrives leaves it to an idle one.",
            requires: .groups, needs: ConformanceNeeds(room: 1, fetchOnDemand: true)
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let staying = try await run.subscribe(to: topic, group: group)
            let leaving = try await run.subscribe(to: topic, group: group)
            for round in 0..<200 {
                let sent = run.messages(1)
                let rest = Task { try await staying.pull(upTo: 1, "round \(round): a delivery") }
                await run.letRun(round % 8)
                let cancelled = Task {
                    var batch = DeliveryBatch()
                    _ = try await leaving.subscription.pull(into: &batch, upTo: 1)
                    leaving.acknowledge(Array(batch.records))
                    return batch.records.map(\.message)
                }
                await run.letRun(round % 5)
                // Nothing between these two, so that the message and the cancellation meet.
                try await run.transport.publish(sent[0], to: topic)
                cancelled.cancel()
                var received = try await run.limited("the end of a cancelled pull") { await cancelled.result }.messages
                if !received.isEmpty { rest.cancel() }
                if let records = try? await rest.value {
                    staying.acknowledge(records)
                    received += records.map(\.message)
                }
                try expectSame(received, sent, "round \(round)")
            }
        },
        ConformanceTest(
            "withoutGroupFromNowOn", "Without a group a reader gets a copy of what comes from now on."
        ) { run in
            let topic = run.topic()
            let early = try await run.subscribe(to: topic, group: nil)
            let before = run.messages(3, "before")
            try await run.publishing(before, to: topic) { try expectSame(try await early.drain(3), before) }
            let late = try await run.subscribe(to: topic, group: nil)
            let after = run.messages(3, "after")
            async let first = early.drain(3)
            async let second = late.drain(3)
            try await run.publish(after, to: topic)
            try expectSame(try await first, after, "the reader from before")
            try expectSame(try await second, after, "the late reader")
            try await late.expectNothing("the late reader has its copies")
        },
        ConformanceTest(
            "replayForLateGroups", "A new group gets what was published before it, an old one only what is new.",
            requires: [.groups, .replay]
        ) { run in
            let topic = run.topic()
            var sent: [Message] = []
            var readers: [ConformanceReader] = []
            for round in 0..<3 {
                let new = run.messages(10, "round \(round)")
                sent += new
                try await run.publishing(new, to: topic) {
                    for reader in readers { try expectSame(try await reader.drain(10), new, "an old group") }
                    readers.append(try await run.subscribe(to: topic, group: run.group("late-\(round)")))
                    try expectSame(try await readers[round].drain(sent.count), sent, "the group of round \(round)")
                }
            }
        }.with(room: 10),
        ConformanceTest(
            "startNow", "A new group that starts now gets nothing from before.", requires: [.groups, .replay]
        ) { run in
            let topic = run.topic()
            try await run.publish(run.messages(3, "before"), to: topic)
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(group: run.group(), start: .now))
            let sent = run.messages(3, "after")
            try await run.publishing(sent, to: topic) { try expectSame(try await reader.drain(3), sent) }
        }.with(room: 3),
        ConformanceTest(
            "abandonedReaderBlocksNobody", "A reader without a group whose reference is dropped holds nobody up."
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, group: nil)
            // Released at once: nobody will ever read or close it.
            _ = try await run.subscribe(to: topic, group: nil)
            let count = min(run.subject.capacity, 2_000) + 10
            let sent = run.messages(count)
            async let received = reader.drain(count)
            try await run.publish(sent, to: topic)
            try expectSame(try await received, sent)
        },
    ]
}

extension ConformanceTest {
    /// The same check for subjects that take that many messages before one is settled.
    func with(room: Int) -> ConformanceTest {
        var needs = needs
        needs.room = room
        return with(needs)
    }
}

extension ConformanceTest {
    private static func eachGroupGetsAll(_ run: ConformanceRun) async throws {
        let topic = run.topic()
        let sent = run.messages(50)
        let one = try await run.subscribe(to: topic, group: run.group("one"))
        let two = try await run.subscribe(to: topic, group: run.group("two"), on: try await run.connect())
        async let first = one.drain(50)
        async let second = two.drain(50)
        try await run.publish(sent, to: topic)
        try expectSame(try await first, sent, "the first group")
        try expectSame(try await second, sent, "the second group")
    }

    private static func sharedByMembers(_ run: ConformanceRun) async throws {
        let (topic, group) = (run.topic(), run.group())
        let one = try await run.subscribe(to: topic, group: group)
        let two = try await run.subscribe(to: topic, group: group, on: try await run.connect())
        let sent = run.messages(400)
        let received = try await run.share(sent.count, among: [one, two]) { try await run.publish(sent, to: topic) }
        try expectSame(received, sent)
    }
}

extension ConformanceRun {
    /// Lets other tasks run for a moment.
    func letRun(_ times: Int) async { for _ in 0..<times { await Task.yield() } }
}

extension Result where Success == [Message] {
    /// The messages; none after an error.
    var messages: [Message] { (try? get()) ?? [] }
}
