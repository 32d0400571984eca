public import Millrace

/// A clock that stands still until a test moves it.
///
/// Timers fire, in the order of their times, on the thread that calls ``advance(by:)``; what they start runs on as usual, so a
/// test waits for its effect and not for the clock. ``advance(upTo:within:until:)`` and ``advancing(upTo:within:_:)`` do both: they
/// move the clock until the effect is there.
public final class ManualClock: SchedulingClock {
    private struct State {
        var now: Int64 = 0
        var timers = TimerHeap()
        var waiters: [(count: Int, signal: Signal)] = []
        var uses: UInt64 = 0
        /// The timer whose action runs.
        var running: Beat?
        /// How many actions have run that were no beats.
        var turns: UInt64 = 0

        mutating func next(after delay: Duration) -> Beat {
            guard let beat = running, beat.delay == delay else { return Beat(delay: delay, count: 0) }
            running?.goesOn = true
            return Beat(delay: delay, count: beat.count + 1)
        }
    }

    /// A timer as one of those that set themselves anew when they fire: a watch that looks around ten times a second.
    private struct Beat {
        let delay: Duration
        /// How often it has fired before.
        let count: Int
        /// Whether it has set itself anew.
        var goesOn = false
    }

    private let state = Lock(State())
    private let startUnixMilliseconds: Int64

    /// A clock at zero, which corresponds to `startUnixMilliseconds` on the calendar. Defaults to 2026-01-01 00:00 UTC.
    public init(startUnixMilliseconds: Int64 = 1_767_225_600_000) {
        self.startUnixMilliseconds = startUnixMilliseconds
    }

    /// How far the clock was moved, as the instant that it shows.
    public var now: ClockInstant {
        state.withLock { state in
            state.uses &+= 1
            return ClockInstant(nanoseconds: state.now)
        }
    }

    /// How far the clock was moved since it was made.
    public var elapsed: Duration { .nanoseconds(now.nanoseconds) }

    /// The calendar's time: the start plus how far the clock was moved.
    public var unixMilliseconds: Int64 { startUnixMilliseconds + now.nanoseconds / 1_000_000 }

    /// The calendar's time to the nanosecond.
    public var unixNanoseconds: Int64 { startUnixMilliseconds * 1_000_000 + now.nanoseconds }

    /// Keeps an action until the clock is moved to its time. One that is due already runs at once, on the caller's thread.
    public func schedule(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        let (id, signals) = state.withLock { state -> (UInt64?, [Signal]) in
            state.uses &+= 1
            guard instant.nanoseconds > state.now else { return (nil, []) }
            let beat = state.next(after: .nanoseconds(instant.nanoseconds - state.now))
            let id = state.timers.insert(at: instant) { [weak self] in self?.run(action, beat) }.id
            let ready = state.waiters.filter { $0.count <= state.timers.count }.map(\.signal)
            state.waiters.removeAll { $0.count <= state.timers.count }
            return (id, ready)
        }
        guard let id else {
            action()
            return ScheduledTimer {}
        }
        for signal in signals { signal.fire() }
        return ScheduledTimer { [weak self] in
            self?.state.withLock { state in
                state.uses &+= 1
                state.timers.remove(id)
            }
        }
    }

    /// Runs what a timer is for, and takes note of whether it was one more beat of the same, or something else.
    private func run(_ action: @Sendable () -> Void, _ beat: Beat) {
        state.withLock { $0.running = beat }
        action()
        state.withLock { state in
            if state.running?.goesOn != true || beat.count < 2 { state.turns &+= 1 }
            state.running = nil
        }
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

    /// Moves the clock to the time of the action that is due next and runs what is due then, if that is not after `end`.
    ///
    /// Returns false, and does nothing, when no action waits or the next one is due later.
    func advanceToNextTimer(notAfter end: ClockInstant) -> Bool {
        let next = state.withLock { state -> ClockInstant? in
            guard let next = state.timers.earliest, next <= end else { return nil }
            return next
        }
        guard let next else { return false }
        advance(by: now.duration(to: next))
        return true
    }

    /// Counts the actions that have run, without those that come again and again at the same distance: from the third time on.
    var turns: UInt64 { state.withLock { $0.turns } }

    /// Counts how often the clock was read, and a timer made or cancelled: what stands still is not at work with it.
    var uses: UInt64 { state.withLock { $0.uses } }

    /// When the action that is due next is due, or nil when none waits.
    var nextTimer: ClockInstant? { state.withLock { $0.timers.earliest } }

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
