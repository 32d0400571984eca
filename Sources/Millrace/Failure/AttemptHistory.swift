/// What a handler remembers of messages that are with the transport until their next attempt.
///
/// Held for a limited number of messages. Of one that is forgotten, or that another process handed over, each delivery counts
/// as one attempt.
final class AttemptHistory: Sendable {
    struct Entry {
        /// How many attempts were made.
        let attempts: Int
        /// When the first of them failed, in milliseconds since 1970.
        let firstFailedAt: Int64?
    }

    private static let limit = 65_536
    private let entries = Lock<[MessageID: Entry]>([:])

    func note(_ id: MessageID, _ entry: Entry) {
        entries.withLock { entries in
            if entries.count >= Self.limit, let any = entries.keys.first { entries[any] = nil }
            entries[id] = entry
        }
    }

    func take(_ id: MessageID) -> Entry? { entries.withLock { $0.removeValue(forKey: id) } }
}
