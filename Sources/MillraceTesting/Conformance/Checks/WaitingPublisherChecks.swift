import Millrace

/// Publishers that wait until their messages are acknowledged, for transports that can be set to that.
extension ConformanceTest {
    private static let waiting = ConformanceNeeds(waitingPublishers: true)

    static let waitingPublishers: [ConformanceTest] = [
        ConformanceTest(
            "waitingPublisherAtClose",
            "A publisher that waits for acknowledgements when the transport is closed fails with `closed` for what has none.",
            requires: .groups, needs: waiting
        ) { run in
            let (publisher, sent, reader) = try await run.publisherWithOneAcknowledged()
            try await run.closeTransport()
            try await run.checkUnacknowledged(publisher, of: sent) { ($0 as? MillraceError)?.code == .closed }
            try await reader.close()
        },
        ConformanceTest(
            "waitingPublisherCancelled",
            "Cancelling a publisher that waits for acknowledgements lists by index what has none.",
            requires: .groups, needs: waiting
        ) { run in
            let (publisher, sent, reader) = try await run.publisherWithOneAcknowledged()
            publisher.cancel()
            try await run.checkUnacknowledged(publisher, of: sent) { $0 is CancellationError }
            // The others were taken all the same, and nobody waits for them any more.
            try expectSame(try await reader.drain(2), Array(sent[1...]), "what was not acknowledged yet")
            try await reader.expectNothing("after all were acknowledged")
        },
        ConformanceTest(
            "waitingPublisherTimeout",
            "A publish call with a timeout that waits for acknowledgements lists by index what has none.",
            requires: .groups, needs: waiting, isTimed: true
        ) { run in
            let clock = run.clock
            let (publisher, sent, _) = try await run.publisherWithOneAcknowledged { transport, messages, topic in
                try await transport.publish(messages, to: topic, timeout: .seconds(2), clock: clock)
            }
            run.elapse(.seconds(2))
            try await run.checkUnacknowledged(publisher, of: sent, code: .deadlineExceeded) { $0 is CancellationError }
        },
    ]
}

extension ConformanceRun {
    typealias Publishing = @Sendable (any Transport, [Message], _ topic: String) async throws -> Void

    /// A publisher of three messages, of which a reader has acknowledged the first and given back the others.
    func publisherWithOneAcknowledged(
        _ publish: @escaping Publishing = { transport, messages, topic in try await transport.publish(messages, to: topic) }
    ) async throws -> (publisher: Task<Void, any Error>, sent: [Message], reader: ConformanceReader) {
        let (transport, topic) = (transport, topic())
        let reader = try await subscribe(to: topic, group: group())
        let sent = messages(3)
        let publisher = Task { try await publish(transport, sent, topic) }
        let records = try await reader.take(3)
        reader.acknowledge([records[0]])
        for record in records[1...] { reader.settle(record, .release) }
        try await expectWaiting(publisher, "publishing, with one of three messages acknowledged")
        return (publisher, sent, reader)
    }

    /// Checks that a publisher has failed for all messages but the first, each for the same reason.
    func checkUnacknowledged(
        _ publisher: Task<Void, any Error>, of sent: [Message], code: MillraceError.Code = .publishFailed,
        _ isReason: (any Error) -> Bool
    ) async throws {
        let result = try await limited("the end of a publisher") { await publisher.result }
        guard case .failure(let error) = result, let error = error as? MillraceError else {
            throw ConformanceFailure("publishing: expected an error of code \(code), got \(result)")
        }
        try expectEqual(error.code, code, "the code of the publisher's error (\(error.message))")
        try expectEqual(error.failures.map(\.index), Array(1..<sent.count), "the messages that have no acknowledgement")
        for failure in error.failures {
            try expect(isReason(failure.error), "message \(failure.index): expected another error than \(failure.error)")
        }
    }
}
