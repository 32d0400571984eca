/// A state store within the process: what it keeps ends with it.
public final class InMemoryStateStore: StateStore {
    fileprivate struct State {
        var collections: [String: [String: StoredState]] = [:]
        var count = 0
        /// How much is written before expired values are looked for again: as much as there is to look at.
        var writesLeft = 64
    }

    private let clock: any SchedulingClock
    private let state = Lock(State())

    /// An empty store, which tells the time by a clock.
    public init(clock: any SchedulingClock = SystemClock.shared) { self.clock = clock }

    /// The value of a key. Does not suspend.
    public func load(_ key: String, in collection: String) async throws -> StoredState? {
        let now = clock.unixMilliseconds
        return state.withLock { state in
            state.collections[collection]?[key].flatMap { $0.isOver(at: now) ? nil : $0 }
        }
    }

    /// Writes a value. Does not suspend.
    @discardableResult
    public func save(
        _ value: [UInt8], for key: String, in collection: String, replacing version: Int64, expiresAt expiry: Int64?
    ) async throws -> StoredState {
        try check(key, in: collection)
        let now = clock.unixMilliseconds
        return try state.withLock { state in
            state.dropExpired(at: now)
            let old = try state.value(key, in: collection, at: now, mustBe: version)
            let new = StoredState(
                key: key, value: value, version: version + 1, createdAt: old?.createdAt ?? now, changedAt: now,
                expiresAt: expiry)
            if state.collections[collection, default: [:]].updateValue(new, forKey: key) == nil { state.count += 1 }
            return new
        }
    }

    /// Removes a value. Does not suspend.
    public func remove(_ key: String, in collection: String, replacing version: Int64) async throws {
        let now = clock.unixMilliseconds
        try state.withLock { state in
            _ = try state.value(key, in: collection, at: now, mustBe: version)
            if state.collections[collection]?.removeValue(forKey: key) != nil { state.count -= 1 }
        }
    }

    /// Values of a collection. Does not suspend.
    public func list(_ collection: String, _ query: StateQuery) async throws -> [StoredState] {
        try query.validate()
        let now = clock.unixMilliseconds
        let all = state.withLock { state in state.collections[collection].map { Array($0.values) } ?? [] }
        let wanted = all.filter { entry in
            !entry.isOver(at: now) && (query.includesExpiring || entry.expiresAt == nil)
                && entry.createdAt < query.createdBefore ?? .max
        }
        return Array(wanted.sorted { ($0.createdAt, $0.key) < ($1.createdAt, $1.key) }.prefix(query.limit))
    }
}

extension InMemoryStateStore.State {
    fileprivate func value(
        _ key: String, in collection: String, at now: Int64, mustBe version: Int64
    ) throws -> StoredState? {
        let old = collections[collection]?[key].flatMap { $0.isOver(at: now) ? nil : $0 }
        guard old?.version ?? 0 == version else {
            throw MillraceError.conflict(key, in: collection, expected: version, found: old?.version ?? 0)
        }
        return old
    }

    fileprivate mutating func dropExpired(at now: Int64) {
        writesLeft -= 1
        guard writesLeft < 0 else { return }
        for (name, values) in collections { collections[name] = values.filter { !$0.value.isOver(at: now) } }
        count = collections.values.reduce(0) { $0 + $1.count }
        writesLeft = max(64, count)
    }
}

extension StoredState {
    fileprivate func isOver(at now: Int64) -> Bool { expiresAt.map { $0 <= now } ?? false }
}
