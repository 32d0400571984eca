public import Millrace

/// Does something again and again, at intervals of a clock, until it is cancelled or released.
public final class Repetition: Sendable {
    private let interval: Duration
    private let clock: any SchedulingClock
    private let action: @Sendable () -> Void
    private let state = Lock<(timer: ScheduledTimer?, isOver: Bool)>((nil, false))

    /// Begins after one interval. The action runs on a thread of the clock's and must not block.
    public init(every interval: Duration, of clock: any SchedulingClock, _ action: @escaping @Sendable () -> Void) {
        self.interval = interval
        self.clock = clock
        self.action = action
        again()
    }

    deinit { cancel() }

    private func again() {
        let timer = clock.schedule(after: interval) { [weak self] in
            guard let self, !state.withLock({ $0.isOver }) else { return }
            action()
            again()
        }
        let isOver = state.withLock { state in
            state.timer = timer
            return state.isOver
        }
        if isOver { timer.cancel() }
    }

    /// Nothing more is done; what is being done at the moment is not waited for.
    public func cancel() {
        let timer = state.withLock { state in
            state.isOver = true
            return state.timer
        }
        timer?.cancel()
    }
}
