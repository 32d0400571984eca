import Millrace

/// What waits to be published later: each call with a timer of its own, so that what is due at one time keeps the order of the calls.
final class DelayedMessages: Sendable {
    private struct State {
        var waiting: [UInt64: (count: Int, timer: ScheduledTimer?)] = [:]
        var count = 0
        var nextID: UInt64 = 0
        var isClosed = false
    }

    private let state = Lock(State())

    /// How many messages wait.
    var count: Int { state.withLock { $0.count } }

    /// Keeps so many messages until `publish` is called, after a delay. False when there would be more than `limit`.
    ///
    /// Throws a `MillraceError` when the transport is closed.
    func keep(
        _ count: Int, limit: Int, for delay: Duration, of clock: any SchedulingClock, _ publish: @escaping @Sendable () -> Void
    ) throws -> Bool {
        let id = try state.withLock { state -> UInt64? in
            guard !state.isClosed else { throw TopicRegistry.closedError() }
            guard count <= limit - state.count else { return nil }
            state.nextID += 1
            state.count += count
            state.waiting[state.nextID] = (count, nil)
            return state.nextID
        }
        guard let id else { return false }
        // Outside the lock: a clock may call back at once.
        let timer = clock.schedule(after: delay) { [weak self] in
            if self?.remove(id) == true { publish() }
        }
        let isWaiting = state.withLock { state in
            guard state.waiting[id] != nil else { return false }
            state.waiting[id]?.timer = timer
            return true
        }
        if !isWaiting { timer.cancel() }
        return true
    }

    private func remove(_ id: UInt64) -> Bool {
        state.withLock { state in
            guard let waiting = state.waiting.removeValue(forKey: id) else { return false }
            state.count -= waiting.count
            return true
        }
    }

    /// Forgets everything, and refuses what comes.
    func close() {
        let timers = state.withLock { state in
            defer { state = State(isClosed: true) }
            return state.waiting.values.compactMap(\.timer)
        }
        for timer in timers { timer.cancel() }
    }
}
