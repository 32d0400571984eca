import Millrace

/// Looks how many messages of a group nobody has. Reads alone, so that it takes no lock.
final class LagProbe: WriterOperation, @unchecked Sendable {
    // Safe to share: the number has its lock.
    private let membership: Membership
    private let current = Lock<Int?>(nil)

    init(_ membership: Membership) { self.membership = membership }

    /// The number of the last look; nil before the first one.
    var lag: Int? { current.withLock { $0 } }

    override var isOptional: Bool { true }

    override func hasWork(_ store: SQLiteStore) throws -> Bool {
        try look(store)
        return false
    }

    // In a transaction of others it is asked to do its work.
    override func run(_ store: SQLiteStore) throws { try look(store) }

    private func look(_ store: SQLiteStore) throws {
        guard let cursor = try store.groups.cursor(of: membership.group) else { return }
        let unread = max(0, Int(try store.topics.last(of: membership.topic) - cursor))
        let free = try store.claims.freeCount(of: membership.group)
        current.withLock { $0 = unread + free }
    }
}
