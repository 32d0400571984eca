internal import Millrace

/// Lets so many messages pass in a time, evenly.
final class Pacer: Sendable {
    /// How many messages to let pass at once: what is due in a twentieth of a second.
    let slice: Int
    private let interval: Duration
    private let clock: any SchedulingClock
    private let next: Lock<ClockInstant>

    init(_ rate: (count: Int, interval: Duration), clock: any SchedulingClock = SystemClock.shared) {
        interval = rate.interval / rate.count
        slice = max(1, Int(Duration.milliseconds(50) / max(interval, .nanoseconds(1))))
        self.clock = clock
        next = Lock(clock.now)
    }

    /// Waits until so many messages more may pass. Throws `CancellationError` when the task is cancelled.
    func wait(for count: Int) async throws {
        let due = next.withLock { next -> ClockInstant in
            // Time that was not used is not made up for.
            let due = max(next, clock.now)
            next = due.advanced(by: interval * count)
            return due
        }
        let delay = clock.now.duration(to: due)
        if delay > .zero { try await clock.sleep(for: delay) }
    }
}
