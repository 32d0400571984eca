internal import Millrace

/// Publishes what it is given, in order and in batches, at a rate if there is one.
struct MessageProducer: Sendable {
    let broker: any Transport
    let topic: String
    /// The most messages in a call.
    let batch: Int
    let pacer: Pacer?
    let session: Session

    /// Publishes messages. Returns how many were accepted before the tool was to end.
    func publish(_ messages: [Message]) async throws -> Int {
        let size = min(batch, pacer?.slice ?? batch)
        var accepted = 0
        while accepted < messages.count {
            if session.interruption.hasCome { return accepted }
            let slice = Array(messages[accepted..<min(messages.count, accepted + size)])
            if let pacer {
                do {
                    try await session.cancellingWhenInterrupted { try await pacer.wait(for: slice.count) }
                } catch is CancellationError {
                    return accepted
                }
            }
            try await broker.publish(slice, to: topic)
            accepted += slice.count
        }
        return accepted
    }
}
