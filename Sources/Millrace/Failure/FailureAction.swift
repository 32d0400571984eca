/// What a `FailurePolicy` does about a failure.
public struct FailureAction: Sendable {
    enum Kind: Sendable {
        case retry(attempts: Int, Backoff)
        case retryLater(attempts: Int, Backoff)
        case reject
        case deadLetter(DeadLetterTopic)
        case drop
        case pauseHandler
    }

    let kind: Kind

    /// Handles the message again in place, which keeps its order and holds the worker.
    ///
    /// - Parameters:
    ///   - attempts: Up to which attempt of the message, the first one and redeliveries included; at least 2.
    ///   - backoff: The delays. Defaults to 100 milliseconds up to 10 seconds, doubling, with full jitter.
    public static func retry(
        attempts: Int, backoff: Backoff = .exponential(from: .milliseconds(100), upTo: .seconds(10))
    ) -> FailureAction { FailureAction(kind: .retry(attempts: attempts, backoff)) }

    /// Has the transport bring the message back after a delay; others go on meanwhile.
    ///
    /// - Parameters:
    ///   - attempts: Up to which attempt of the message, the first one and retries in place included; at least 2.
    ///   - backoff: The delays. Defaults to 1 second up to 5 minutes, doubling, with full jitter.
    public static func retryLater(
        attempts: Int, backoff: Backoff = .exponential(from: .seconds(1), upTo: .seconds(300))
    ) -> FailureAction { FailureAction(kind: .retryLater(attempts: attempts, backoff)) }

    /// Gives the message up; it goes to the transport's dead letters, or to a `PoisonQueue` that stands further outside.
    public static var reject: FailureAction { FailureAction(kind: .reject) }

    /// Publishes the message, with a ``DeadLetter`` record, to a topic, and has the original acknowledged. If the topic does
    /// not accept it, the failure goes on outward.
    public static func deadLetter(_ topic: String, on publisher: any Publisher) -> FailureAction {
        FailureAction(kind: .deadLetter(DeadLetterTopic(topic: topic, publisher: publisher)))
    }

    /// Acknowledges the message as if it had been handled.
    public static var drop: FailureAction { FailureAction(kind: .drop) }

    /// Stops the handler's fetching until ``Router/resume(_:)``. The message goes back to its old place; the attempt does not
    /// count.
    public static var pauseHandler: FailureAction { FailureAction(kind: .pauseHandler) }
}
