/// A deduplication store within the process: what it knows ends with it.
///
/// It needs no task of its own. What has expired is dropped when it is met. When the store is full, the key that was committed
/// first is forgotten first: a copy of that message would be handled again. Reservations are never forgotten before their
/// time; a store that is full of them refuses.
public final class InMemoryDeduplicationStore: DeduplicationStore {
    private enum Entry {
        case reserved(MessageID, until: ClockInstant)
        case done(number: UInt64, until: ClockInstant)
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// The committed keys in their order, beginning at `first`. A key whose entry has another number is stale.
        var done: [(key: String, number: UInt64)] = []
        var first = 0
        var nextNumber: UInt64 = 0
        var forgotten = 0
    }

    private let maximumEntries: Int
    private let clock: any SchedulingClock
    private let state = Lock(State())

    /// An empty store.
    ///
    /// - Parameters:
    ///   - maximumEntries: How many keys are kept. Defaults to 100,000, some 15 megabytes; at least 1, smaller values count
    ///     as 1.
    ///   - clock: What times are told by. Defaults to the system's.
    public init(maximumEntries: Int = 100_000, clock: any SchedulingClock = SystemClock.shared) {
        self.maximumEntries = max(1, maximumEntries)
        self.clock = clock
    }

    /// How many keys are kept, some of which may have expired.
    public var count: Int { state.withLock { $0.entries.count } }

    /// How many keys were forgotten before their time, because the store was full.
    public var forgottenCount: Int { state.withLock { $0.forgotten } }

    /// Reserves a key. Throws a ``MillraceError`` of code `overflow` when the store is full of reservations.
    public func reserve(_ key: String, for owner: MessageID, lease: Duration) async throws -> DeduplicationAnswer {
        let now = clock.now
        return try state.withLock { state throws -> DeduplicationAnswer in
            dropExpired(&state, at: now)
            switch state.entries[key] {
            case .done(_, let until) where until > now: return .duplicate
            case .reserved(let holder, let until) where until > now && holder != owner: return .inProgress
            case nil: try makeRoom(&state, at: now)
            default: break
            }
            state.entries[key] = .reserved(owner, until: now.advanced(by: lease))
            return .reserved
        }
    }

    /// Notes that the message of a key is handled.
    public func commit(_ key: String, by owner: MessageID, keepFor window: Duration) async throws {
        let now = clock.now
        try state.withLock { state throws in
            if state.entries[key] == nil { try makeRoom(&state, at: now) }
            state.nextNumber += 1
            state.entries[key] = .done(number: state.nextNumber, until: now.advanced(by: window))
            state.done.append((key, state.nextNumber))
        }
    }

    /// Ends a reservation.
    public func release(_ key: String, by owner: MessageID) async throws {
        state.withLock { state in
            guard case .reserved(owner, _) = state.entries[key] else { return }
            state.entries[key] = nil
        }
    }

    /// Drops what has expired from the front, a few at a time.
    private func dropExpired(_ state: inout State, at now: ClockInstant) {
        var left = 4
        while left > 0, state.first < state.done.count {
            let (key, number) = state.done[state.first]
            if case .done(number, let until) = state.entries[key] {
                guard until <= now else { return }
                state.entries[key] = nil
            }
            popFirst(&state)
            left -= 1
        }
    }

    private func makeRoom(_ state: inout State, at now: ClockInstant) throws {
        guard state.entries.count >= maximumEntries else { return }
        while state.first < state.done.count {
            let (key, number) = state.done[state.first]
            popFirst(&state)
            guard case .done(number, let until) = state.entries[key] else { continue }
            state.entries[key] = nil
            if until > now { state.forgotten += 1 }
            return
        }
        // Owners that have died.
        state.entries = state.entries.filter { if case .reserved(_, let until) = $0.value { until > now } else { true } }
        guard state.entries.count >= maximumEntries else { return }
        throw MillraceError(
            .overflow, "InMemoryDeduplicationStore: all of its \(maximumEntries) entries are reservations", isRetriable: true)
    }

    private func popFirst(_ state: inout State) {
        state.first += 1
        guard state.first > 64, state.first > state.done.count / 2 else { return }
        state.done.removeFirst(state.first)
        state.first = 0
    }
}
