import Millrace
import MillraceTransportKit

/// The messages of one call of `publish` on their way to the server. Guarded by the publisher's lock.
final class NATSPublishCall: @unchecked Sendable {
    // Safe to share: `left`, `isSent` and `failures` are guarded by the publisher's lock.
    let messages: [Message]
    let topic: String
    let due: ClockInstant
    private let outcome: PublishOutcome
    private var left: Int
    private var failures: [MillraceError.PublishFailure] = []

    init(
        _ messages: [Message], to topic: String, due: ClockInstant,
        whenKnown: (@Sendable (Result<Void, any Error>) -> Void)? = nil
    ) {
        self.messages = messages
        self.topic = topic
        self.due = due
        left = messages.count
        outcome = PublishOutcome(of: messages.count, to: topic, whenKnown: whenKnown)
    }

    /// A message has arrived, or has not. Returns whether that was the last one; then ``end()`` has to be called.
    func report(_ index: Int, _ error: MillraceError?) -> Bool {
        left -= 1
        if let error { failures.append(.init(index: index, error: error)) }
        return left == 0
    }

    /// Tells the caller. Without the lock: nothing changes any more.
    func end() { outcome.end(failures.sorted { $0.index < $1.index }) }

    /// Whether nobody waits any more.
    var isOver: Bool { outcome.isKnown }

    /// Waits until all messages have been reported, or the task is cancelled.
    func wait() async throws { try await outcome.wait() }
}
