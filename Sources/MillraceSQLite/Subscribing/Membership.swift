import Millrace

/// A member of a group, as the file knows it.
struct Membership: Sendable {
    /// How a member finds itself in the file.
    enum Standing: Sendable {
        case alive
        /// It was taken for dead, and what it had was given to others; it is a member again.
        case rejoined
        /// Its group is gone: it was the copy of this subscription alone.
        case gone
    }

    let topic: Int64
    let group: Int64
    let member: Int64
    /// Whether its buffer hands out one message of a key at a time.
    let isOrdered: Bool
    /// How long it counts as alive after it was heard of, in milliseconds.
    let lease: Int64

    /// Leases of less than a second would keep the disk busy.
    static func lease(for options: SubscriptionOptions) -> Int64 {
        max(1_000, options.lease.nanosecondsClamped / 1_000_000)
    }

    /// Starts the member's lease anew.
    func renew(in store: SQLiteStore, at now: Int64) throws -> Standing {
        if try store.groups.renew(member, until: now + lease) { return .alive }
        return try rejoin(in: store, at: now)
    }

    /// Makes sure that it is a member. Writes nothing when it is: other processes would look what has changed.
    func check(in store: SQLiteStore, at now: Int64) throws -> Standing {
        if try store.groups.isMember(member) { return .alive }
        return try rejoin(in: store, at: now)
    }

    private func rejoin(in store: SQLiteStore, at now: Int64) throws -> Standing {
        guard try store.groups.cursor(of: group) != nil else { return .gone }
        // What it has taken since may be in its hands; others have the rest.
        try store.claims.leave(member, of: group, attempts: 1)
        try store.groups.join(member, group, until: now + lease, isOrdered: isOrdered)
        return .rejoined
    }
}
