/// A handler that ignored its cancellation at the end of a drain, with how many deliveries it had.
struct AbandonedHandler: Sendable, CustomStringConvertible {
    let name: String
    let topic: String
    let deliveries: Int

    var description: String {
        "handler '\(name)' of topic '\(topic)' (\(deliveries) \(deliveries == 1 ? "delivery" : "deliveries"))"
    }
}

extension MillraceError {
    /// Handlers that had to be abandoned.
    static func drainTimedOut(_ handlers: [AbandonedHandler], after grace: Duration) -> MillraceError {
        MillraceError(
            .drainTimedOut,
            "\(handlers.map(\.description).joined(separator: ", ")): cancelled, and still at work after a cancellationGrace of "
                + "\(grace); what they had was given back", isRetriable: false)
    }
}
