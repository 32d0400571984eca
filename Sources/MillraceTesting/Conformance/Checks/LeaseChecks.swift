import Millrace

/// What becomes of deliveries that nobody settles.
extension ConformanceTest {
    static let leases: [ConformanceTest] = [
        ConformanceTest(
            "leaseRunsOut", "A delivery that is not settled within its lease comes again, as another attempt.",
            requires: .leases, isTimed: true
        ) { run in
            let topic = run.topic()
            let lease = run.subject.lease
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(lease: lease))
            try await run.publishing(run.messages(1), to: topic) {
                let first = try await reader.next()
                run.elapse(lease)
                let second = try await reader.next("the second attempt")
                try expectEqual(second.message.id, first.message.id, "the message that came back")
                if run.subject.capabilities.contains(.attemptCount) {
                    try expectEqual(second.attempt, 2, "the attempt after the lease")
                }
                // Too late: the delivery is another one's now.
                reader.settle(first, .retry(after: .zero))
                reader.acknowledge([second])
                try await reader.expectNothing("after the second attempt was acknowledged")
            }
        },
        ConformanceTest(
            "leaseHolds", "A delivery does not come again before its lease has run out.", requires: .leases, isTimed: true
        ) { run in
            let topic = run.topic()
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(lease: .seconds(10)))
            try await run.publishing(run.messages(1), to: topic) {
                let first = try await reader.next()
                run.elapse(.milliseconds(9_990))
                try await reader.expectNothing("within the lease")
                reader.acknowledge([first])
                run.elapse(.seconds(60))
                try await reader.expectNothing("after it was acknowledged")
            }
        },
        ConformanceTest(
            "renewedLeaseHolds", "A delivery whose lease is renewed in time does not come again.", requires: .leases,
            isTimed: true
        ) { run in
            let topic = run.topic()
            let lease = run.subject.lease
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(lease: lease))
            try await run.publishing(run.messages(1), to: topic) {
                let first = try await reader.next()
                for round in 1...8 {
                    run.elapse(lease / 4)
                    try await reader.expectNothing(for: lease / 4, "after \(round) quarters of a renewed lease")
                    reader.subscription.renew([first.token])
                }
                reader.acknowledge([first])
                run.elapse(lease * 2)
                try await reader.expectNothing("after it was acknowledged")
            }
        },
        ConformanceTest(
            "leasesOfMembersDiffer", "A short lease is kept beside a long one that began earlier.",
            requires: [.leases, .groups], isTimed: true
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let lease = run.subject.lease
            let patient = try await run.subscribe(to: topic, SubscriptionOptions(group: group, prefetch: 1, lease: .seconds(600)))
            try await run.publishing(run.messages(2), to: topic) {
                let held = try await patient.next()
                let hasty = try await run.subscribe(to: topic, SubscriptionOptions(group: group, lease: lease))
                let first = try await hasty.next()
                run.elapse(lease)
                let second = try await hasty.next("the delivery with the short lease")
                try expectEqual(second.message.id, first.message.id, "the message that came back")
                hasty.acknowledge([second])
                patient.acknowledge([held])
            }
        }.with(room: 2),
        ConformanceTest(
            "leaseOfALostMember", "What a member took and lost comes to another member.", requires: [.leases, .groups],
            isTimed: true
        ) { run in
            let (topic, group) = (run.topic(), run.group())
            let lease = run.subject.lease
            let options = SubscriptionOptions(group: group, prefetch: 1, lease: lease)
            let stuck = try await run.subscribe(to: topic, options)
            try await run.publishing(run.messages(1), to: topic) {
                let first = try await stuck.next()
                let other = try await run.subscribe(to: topic, options, on: try await run.connect())
                let waiting = Task { try await other.next("the second attempt") }
                run.elapse(lease)
                let second = try await waiting.value
                try expectEqual(second.message.id, first.message.id, "the message that was taken over")
                other.acknowledge([second])
            }
        },
        ConformanceTest(
            "leaseKeepsKeyOrder", "A delivery that comes again after its lease keeps later messages of its key waiting.",
            requires: [.leases, .orderedByKey], isTimed: true
        ) { run in
            let topic = run.topic()
            let lease = run.subject.lease
            let reader = try await run.subscribe(to: topic, SubscriptionOptions(ordered: .byKey, lease: lease))
            try await run.publishing(run.messages(3) { _ in "key" }, to: topic) {
                _ = try await reader.next()
                if run.subject.manualClock != nil { try await reader.expectNothing("while the first of its key is out") }
                run.elapse(lease)
                let again = try await reader.next("the second attempt")
                if run.subject.manualClock != nil { try await reader.expectNothing("while the first of its key is out again") }
                reader.settle(again, .release)
                let order = try await reader.drainOneByOne(3)
                try expectEqual(order, (0..<3).map { "message \($0)" }, "the order")
            }
        }.with(room: 3),
    ]
}

extension ConformanceReader {
    /// Takes and acknowledges one delivery after the other, and returns the payloads as text.
    func drainOneByOne(_ count: Int) async throws -> [String] {
        var order: [String] = []
        for _ in 0..<count { order += try await drain(1).map(\.text) }
        return order
    }
}
