/// Accepts messages for topics.
public protocol Publisher: Sendable {
    /// Hands messages to a topic and returns when the transport has accepted all of them, with the durability that its
    /// ``Capabilities`` state. Messages of one call keep their order.
    ///
    /// Waits while the transport is under back-pressure. Throws a ``MillraceError``: `publishFailed` lists by index the
    /// messages that were not accepted (all others were), each with its reason; `invalidTopic` and `invalidMessage` mean
    /// that nothing was; `closed` that the transport was closed before the call. Cancelling the task ends the wait with
    /// `publishFailed` and `CancellationError` behind it, closing the transport with `publishFailed` and `closed`.
    func publish(_ messages: [Message], to topic: String) async throws

    /// Hands one message to a topic. See ``publish(_:to:)-([Message],_)``.
    func publish(_ message: consuming Message, to topic: String) async throws
}

extension Publisher {
    /// Hands one message to a topic, as an array of one.
    public func publish(_ message: consuming Message, to topic: String) async throws {
        try await publish([message], to: topic)
    }

    /// Hands messages to a topic and gives up after `timeout`, with a ``MillraceError`` of code `deadlineExceeded`.
    public func publish(
        _ messages: [Message], to topic: String, timeout: Duration, clock: any SchedulingClock = SystemClock.shared
    ) async throws {
        do {
            try await withDeadline(timeout, clock: clock) { try await publish(messages, to: topic) }
        } catch let passed as DeadlinePassed {
            throw MillraceError(
                .deadlineExceeded, "publishing to topic '\(topic)' took longer than \(timeout)",
                underlying: passed.cause, isRetriable: true, failures: (passed.cause as? MillraceError)?.failures ?? [])
        }
    }
}
