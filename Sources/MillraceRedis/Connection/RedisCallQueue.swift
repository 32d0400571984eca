import Millrace

/// Calls that wait for a connection's loop to take them. May be used from any thread.
final class RedisCallQueue: Sendable {
    private struct State {
        var calls: [RedisCall] = []
        var isScheduled = false
    }

    private let state = Lock(State())

    /// Adds a call. Returns whether the loop has to be told.
    func add(_ call: RedisCall) -> Bool {
        state.withLock { state in
            state.calls.append(call)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
    }

    /// Takes all calls out.
    func take() -> [RedisCall] {
        state.withLock { state in
            defer { state = State() }
            return state.calls
        }
    }
}
