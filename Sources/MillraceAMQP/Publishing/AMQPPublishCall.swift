import Millrace
import MillraceTransportKit

/// The messages of one call of `publish` on their way to the broker. But for the outcome, used on the publisher's thread alone.
final class AMQPPublishCall: @unchecked Sendable {
    // Safe to share: see above; the outcome has a lock of its own.
    let messages: [Message]
    let route: AMQPRoute
    /// The attempt that the messages are to be handed out for, if it is another one than the first.
    let attempt: Int?
    /// Until when all have to be sent and confirmed.
    let deadline: ClockInstant
    let outcome: PublishOutcome
    /// The next message to be sent.
    var next = 0
    private var left: Int
    private var failures: [MillraceError.PublishFailure] = []

    init(
        _ messages: [Message], to topic: String, _ route: AMQPRoute, attempt: Int? = nil, deadline: ClockInstant,
        whenKnown: (@Sendable (Result<Void, any Error>) -> Void)? = nil
    ) {
        self.messages = messages
        self.route = route
        self.attempt = attempt
        self.deadline = deadline
        left = messages.count
        outcome = PublishOutcome(of: messages.count, to: topic, whenKnown: whenKnown)
    }

    /// A message was confirmed, or was not.
    func report(_ index: Int, _ error: (any Error)?) {
        if let error { failures.append(.init(index: index, error: error)) }
        left -= 1
        if left == 0 { outcome.end(failures.sorted { $0.index < $1.index }) }
    }

    /// What was not sent so far never will be.
    func giveUp(_ error: any Error) {
        while next < messages.count {
            report(next, error)
            next += 1
        }
    }
}
