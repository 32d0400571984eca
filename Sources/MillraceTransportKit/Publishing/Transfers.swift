public import Millrace

/// Messages of a subscription that are on their way to another topic: to the dead letters, or to be tried again later. Each is done
/// when it is there, and otherwise comes again.
public final class Transfers: Sendable {
    private struct State {
        var positions: Set<Position> = []
        var waiting: [Signal] = []
    }

    private let state = Lock(State())

    /// Nothing is on its way.
    public init() {}

    /// What lies at a position is on its way.
    public func begin(_ position: Position) { state.withLock { _ = $0.positions.insert(position) } }

    /// What lies at a position has arrived, or will not.
    public func end(_ position: Position) {
        let signals = state.withLock { state -> [Signal] in
            state.positions.remove(position)
            guard state.positions.isEmpty else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for signal in signals { signal.fire() }
    }

    /// How many of those that match are under way.
    public func count(where matches: (Position) -> Bool) -> Int {
        state.withLock { $0.positions.count(where: matches) }
    }

    /// Waits until nothing is under way.
    public func finish() async {
        let done = Signal()
        let mustWait = state.withLock { state in
            if !state.positions.isEmpty { state.waiting.append(done) }
            return !state.positions.isEmpty
        }
        if mustWait { await done.waitUncancellably() }
    }
}
