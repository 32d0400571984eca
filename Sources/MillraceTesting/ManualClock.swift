public import Millrace

/// A clock that stands still until a test moves it.
///
/// Timers fire, in the order of their times, on the thread that calls ``advance(by:)``; what they start runs on as usual, so a
/// test waits for its effect and not for the clock.
public final class ManualClock: SchedulingClock {
    private struct State {
        var now: Int64 = 0
        var timers = TimerHeap()
        var waiters: [(count: Int, signal: Signal)] = []
    }

    private let state = Lock(State())
    private let startUnixMilliseconds: Int64

    /// A clock at zero, which corresponds to `startUnixMilliseconds` on the calendar. Defaults to 2026-01-01 00:00 UTC.
    public init(startUnixMilliseconds: Int64 = 1_767_225_600_000) {
        self.startUnixMilliseconds = startUnixMilliseconds
    }

    /// How far the clock was moved.
    public var now: ClockInstant { ClockInstant(nanoseconds: state.withLock { $0.now }) }

    /// The calendar's time: the start plus how far the clock was moved.
    public var unixMilliseconds: Int64 { startUnixMilliseconds + now.nanoseconds / 1_000_000 }

    /// The calendar's time to the nanosecond.
    public var unixNanoseconds: Int64 { startUnixMilliseconds * 1_000_000 + now.nanoseconds }

    /// Keeps an action until the clock is moved to its time. One that is due already runs at once, on the caller's thread.
    public func schedule(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        let (id, signals) = state.withLock { state -> (UInt64?, [Signal]) in
            guard instant.nanoseconds > state.now else { return (nil, []) }
            let id = state.timers.insert(at: instant, action).id
            let ready = state.waiters.filter { $0.count <= state.timers.count }.map(\.signal)
            state.waiters.removeAll { $0.count <= state.timers.count }
            return (id, ready)
        }
        guard let id else {
            action()
            return ScheduledTimer {}
        }
        for signal in signals { signal.fire() }
        return ScheduledTimer { [weak self] in self?.state.withLock { $0.timers.remove(id) } }
    }

    /// Moves the clock and runs what is due on the way, including what those actions schedule within the time.
    public func advance(by duration: Duration) {
        let target = now.advanced(by: duration)
        while true {
            let action = state.withLock { state -> TimerHeap.Action? in
                guard let next = state.timers.earliest, next <= target else {
                    state.now = max(state.now, target.nanoseconds)
                    return nil
                }
                state.now = max(state.now, next.nanoseconds)
                return state.timers.popDue(at: next)
            }
            guard let action else { return }
            action()
        }
    }

    /// Moves the clock to the time of the action that is due next, and runs that one alone. Returns false, and does nothing,
    /// when no action waits.
    @discardableResult
    public func advanceToNextTimer() -> Bool {
        let action = state.withLock { state -> TimerHeap.Action? in
            guard let next = state.timers.earliest else { return nil }
            state.now = max(state.now, next.nanoseconds)
            return state.timers.popDue(at: next)
        }
        action?()
        return action != nil
    }

    /// How many actions wait for the clock.
    public var timerCount: Int { state.withLock { $0.timers.count } }

    /// Waits until at least `count` actions wait for the clock. Throws `CancellationError`.
    public func waitForTimers(_ count: Int = 1) async throws {
        let signal = state.withLock { state -> Signal? in
            guard state.timers.count < count else { return nil }
            let signal = Signal()
            state.waiters.append((count, signal))
            return signal
        }
        try await signal?.wait()
    }
}
