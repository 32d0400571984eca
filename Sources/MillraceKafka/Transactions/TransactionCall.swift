import Millrace

/// What somebody wants published and done in one transaction. Several may share one.
struct TransactionCall: Sendable {
    let outputs: [TopicMessages]
    /// The messages that are done with it.
    let positions: [Position]
    /// Told of the outcome, on a thread that must not be held up.
    let whenKnown: @Sendable (Result<Void, MillraceError>) -> Void
}
