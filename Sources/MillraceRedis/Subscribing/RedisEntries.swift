import Millrace
import MillraceTransportKit

/// Reads entries out of replies.
enum RedisEntries {
    /// The entries of the one stream that was read; none when the read has timed out.
    static func ofStreams(_ reply: borrowing RedisReply, topic: String) throws -> [DeliveryBuffer.Entry] {
        if let error = reply.error { throw failure(error, topic) }
        return reply.element(0) { stream in stream.element(1) { entries in list(entries) { _ in 1 } } } ?? []
    }

    /// The entries of a claim; `attempt` says how often each has been handed out, this time included.
    static func ofClaim(
        _ reply: borrowing RedisReply, topic: String, attempt: (Position) -> Int
    ) throws -> [DeliveryBuffer.Entry] {
        if let error = reply.error { throw failure(error, topic) }
        return list(reply, attempt: attempt)
    }

    /// An entry that a consumer has.
    struct Pending: Sendable {
        let position: Position
        /// How often it has been handed out.
        let deliveries: Int
    }

    /// The entries of a reply to `XPENDING` with a range.
    static func ofPending(_ reply: borrowing RedisReply) -> [Pending] {
        (0..<reply.count).compactMap { index in
            reply.element(index) { entry in
                entry.element(0) { $0.entryID }.map { position in
                    Pending(position: position, deliveries: Int(attempts: entry.element(3) { $0.integer } ?? 1))
                }
            }
        }
    }

    static func failure(_ error: String, _ topic: String) -> MillraceError {
        // The second is what a read that waits is told when the stream is deleted.
        guard error.hasPrefix("NOGROUP") || error.hasPrefix("UNBLOCKED") else { return RedisError.make(error, topic: topic) }
        return MillraceError(.unknownGroup, "topic '\(topic)': \(error)", isRetriable: true)
    }

    private static func list(
        _ reply: borrowing RedisReply, attempt: (Position) -> Int
    ) -> [DeliveryBuffer.Entry] {
        var entries: [DeliveryBuffer.Entry] = []
        entries.reserveCapacity(reply.count)
        for index in 0..<reply.count {
            let entry = reply.element(index) { entry -> DeliveryBuffer.Entry? in
                // An entry that was deleted while it was pending is nil.
                guard let position = entry.element(0, { $0.entryID }),
                    let message = entry.element(1, { fields in message(fields, at: position) })
                else { return nil }
                return DeliveryBuffer.Entry(message: message, attempt: attempt(position), position: position)
            }
            if let entry { entries.append(entry) }
        }
        return entries
    }

    private static func message(_ fields: borrowing RedisReply, at position: Position) -> Message {
        RedisLayout.decode(fieldCount: fields.count / 2, entryID: (position.high, position.low)) { index in
            (fields.bytes(at: 2 * index), fields.bytes(at: 2 * index + 1))
        }
    }
}
