/// What became of a message in the end, as far as its handler is concerned.
public enum MessageOutcome: Sendable {
    /// The handler has returned and all outputs are accepted; the message is acknowledged next.
    case accepted
    /// It was not handled, or its outputs were not accepted: it comes back, or is given up.
    case failed(any Error)
}
