import Millrace

/// What happens to publishers when readers lag.
extension ConformanceTest {
    private static let reachable = ConformanceNeeds(room: 1, reachableCapacity: true)

    static let backPressure: [ConformanceTest] = [
        ConformanceTest(
            "publisherWaits", "A publisher waits while a group is full, and goes on when there is room.",
            requires: [.backPressure, .groups], needs: reachable
        ) { run in
            let (transport, capacity) = (run.transport, run.subject.capacity)
            let (topic, group) = (run.topic(), run.group())
            let reader = try await run.subscribe(to: topic, group: group)
            let sent = run.messages(capacity + 3)
            let publisher = Task { try await transport.publish(sent, to: topic) }
            try await run.expectWaiting(publisher, "publishing 3 messages more than the capacity of \(capacity)")
            try expectInOrder(try await reader.drain(sent.count), sent)
            try await run.limited("the publisher that waited") { try await publisher.value }
        },
        ConformanceTest(
            "cancelledPublisher", "Cancelling a publisher that waits ends the wait and lists by index what was not accepted.",
            requires: [.backPressure, .groups], needs: reachable
        ) { run in
            let (transport, capacity) = (run.transport, run.subject.capacity)
            let (topic, group) = (run.topic(), run.group())
            let reader = try await run.subscribe(to: topic, group: group)
            let sent = run.messages(capacity + 5)
            let publisher = Task { try await transport.publish(sent, to: topic) }
            try await run.expectWaiting(publisher, "publishing 5 messages more than the capacity of \(capacity)")
            publisher.cancel()
            let result = try await run.limited("the end of a cancelled publisher") { await publisher.result }
            try await run.checkAccepted(result, .publishFailed, of: sent, by: reader)
        },
        ConformanceTest(
            "publishTimeout", "A publish call with a timeout gives up in time and lists by index what was not accepted.",
            requires: [.backPressure, .groups], needs: reachable, isTimed: true
        ) { run in
            let (transport, clock, capacity) = (run.transport, run.clock, run.subject.capacity)
            let (topic, group) = (run.topic(), run.group())
            let reader = try await run.subscribe(to: topic, group: group)
            let sent = run.messages(capacity + 5)
            let publisher = Task {
                try await transport.publish(sent, to: topic, timeout: .milliseconds(200), clock: clock)
            }
            try await run.expectWaiting(publisher, "publishing with a timeout")
            run.elapse(.milliseconds(200))
            let result = try await run.limited("publishing with a timeout") { await publisher.result }
            try await run.checkAccepted(result, .deadlineExceeded, of: sent, by: reader)
        },
        ConformanceTest(
            "fullGroupHoldsNoOtherTopic", "A full topic does not hold up another one.", requires: [.backPressure, .groups],
            needs: reachable
        ) { run in
            let (transport, capacity) = (run.transport, run.subject.capacity)
            let (full, free) = (run.topic("full"), run.topic("free"))
            let slow = try await run.subscribe(to: full, group: run.group())
            let reader = try await run.subscribe(to: free, group: run.group())
            let sent = run.messages(capacity + 1)
            let publisher = Task { try await transport.publish(sent, to: full) }
            try await run.expectWaiting(publisher, "publishing to the full topic")
            let other = run.messages(1)
            try await run.publish(other, to: free)
            try expectSame(try await reader.drain(1), other)
            try await slow.drain(sent.count)
            try await run.limited("the publisher that waited") { try await publisher.value }
        },
    ]
}

extension ConformanceRun {
    /// Checks that a publish call that failed has told the truth: what it does not list was accepted, and nothing else.
    func checkAccepted(
        _ result: Result<Void, any Error>, _ code: MillraceError.Code, of sent: [Message], by reader: ConformanceReader
    ) async throws {
        guard case .failure(let error) = result, let error = error as? MillraceError else {
            throw ConformanceFailure("publishing: expected an error of code \(code), got \(result)")
        }
        try expectEqual(error.code, code, "the code of the publisher's error (\(error.message))")
        let refused = Set(error.failures.map(\.index))
        try expect(!refused.isEmpty, "the failures of \(error.code): expected some, got none")
        try expect(refused.isSubset(of: Set(sent.indices)), "the failures: expected indices of the call, got \(refused)")
        let accepted = sent.indices.filter { !refused.contains($0) }.map { sent[$0] }
        try expectSame(try await reader.drain(accepted.count), accepted, "what the error does not list")
        try await reader.expectNothing("that the error lists")
    }
}
