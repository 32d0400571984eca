/// Thrown by a handler or its middleware to have the message brought back after a delay.
///
/// It passes `Retry` and `PoisonQueue` untouched, and does not hold up other messages.
public struct RetryLater: Error, Sendable {
    /// How long to wait, at least.
    public let delay: Duration
    /// Why.
    public let cause: (any Error)?

    /// A wish to see the message again after `delay`.
    public init(after delay: Duration, because cause: (any Error)? = nil) {
        self.delay = delay
        self.cause = cause
    }
}

/// Thrown by middleware that was not ready for a message: it goes back to its old place, and the attempt does not count.
///
/// For middleware that has stopped the fetching; otherwise the message would come back at once, over and over.
struct HandedBack: Error {
    let reason: String
}

extension Error {
    /// Whether this is no verdict on the message, but says when to bring it back. Middleware lets it pass.
    package var asksForAnotherDelivery: Bool {
        self is RetryLater || self is HandedBack || self is CancellationError && Task.isCancelled
    }
}

/// Thrown by a handler that knows that no other attempt can help. `Retry` lets it pass; `PoisonQueue` takes the message;
/// without one it is rejected, and goes to the transport's dead letters.
public struct Reject: Error, Sendable, CustomStringConvertible {
    /// Why, for whoever reads the dead letters.
    public let reason: String
    /// The error behind it, whose type the dead letter names; nil if there is none.
    public let cause: (any Error)?

    /// A message that is to be given up.
    public init(_ reason: String, because cause: (any Error)? = nil) {
        self.reason = reason
        self.cause = cause
    }

    /// The reason.
    public var description: String { reason }
}
