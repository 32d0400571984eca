public import Millrace

/// Delays on any transport: the messages wait in the outbox, in a SQLite file for example, and the forwarder brings them to their own
/// transport when they are due.
///
/// ```swift
/// let later = Outbox("later", on: file)
/// try router.register(Forwarder("later", from: "later", on: file, to: kafka))
/// let cqrs = CQRS(on: kafka, topics: .perType(), CQRSOptions(delays: later))
/// ```
extension Outbox: DelayedPublisher {
    /// Puts messages into the outbox, from where they leave once `delay` has passed. See `DelayedPublisher`.
    ///
    /// Throws also a `MillraceError` of code `unsupported` when the outbox's transport does not keep messages for later.
    public func publish(_ messages: [Message], to topic: String, after delay: Duration) async throws {
        guard let delays = broker as? any DelayedPublisher else {
            throw MillraceError(
                .unsupported,
                "outbox '\(self.topic)': \(type(of: broker)) does not keep messages for later; an outbox in a SQLite file does",
                isRetriable: false)
        }
        let envelopes = try envelope(messages, to: topic)
        try await prepare()
        try await delays.publish(envelopes, to: self.topic, after: delay)
    }
}
