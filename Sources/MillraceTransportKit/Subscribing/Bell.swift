import Millrace

/// Wakes a loop that waits for something to do. Rung while the loop is busy, it lets the next wait return at once.
final class Bell: Sendable {
    private let state = Lock<(isRung: Bool, waiter: Signal?)>((false, nil))

    func ring() {
        let waiter = state.withLock { state -> Signal? in
            state.isRung = state.waiter == nil
            return state.waiter.take()
        }
        waiter?.fire()
    }

    /// Waits until it is rung, the time has passed, or the task is cancelled. For one loop.
    func wait(upTo limit: Duration? = nil, clock: any SchedulingClock) async {
        let signal = Signal()
        let wasRung = state.withLock { state in
            defer { state.isRung = false }
            if !state.isRung { state.waiter = signal }
            return state.isRung
        }
        guard !wasRung else { return }
        let timer = limit.map { clock.schedule(after: $0) { signal.fire() } }
        // Cancelled or not: the loop looks for itself.
        try? await signal.wait()
        timer?.cancel()
        state.withLock { if $0.waiter === signal { $0.waiter = nil } }
    }
}
