/// A point in time of a ``SchedulingClock``: nanoseconds since an origin that only that clock knows.
public struct ClockInstant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the clock's origin.
    public let nanoseconds: Int64

    /// An instant the given number of nanoseconds after the clock's origin.
    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Instants are ordered by time.
    @inlinable public static func < (left: ClockInstant, right: ClockInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `duration` later; a sum beyond the range of 64-bit nanoseconds (292 years) stops there.
    public func advanced(by duration: Duration) -> ClockInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.nanosecondsClamped)
        guard overflow else { return ClockInstant(nanoseconds: sum) }
        return ClockInstant(nanoseconds: duration < .zero ? .min : .max)
    }

    /// The time from this instant to `other`; negative when `other` is earlier.
    public func duration(to other: ClockInstant) -> Duration {
        .nanoseconds(other.nanoseconds &- nanoseconds)
    }
}

/// The clock that a transport or a router lives by: it tells the time and runs actions later.
///
/// Everything in Millrace that waits, waits on a clock of this kind, so that a test can put a manual clock in its place
/// and move time by hand. Actions run on a thread of the clock's and must not block.
public protocol SchedulingClock: Sendable {
    /// The current monotonic time.
    var now: ClockInstant { get }

    /// The current monotonic time, allowed to be some milliseconds old in exchange for being cheap to read.
    var coarseNow: ClockInstant { get }

    /// Milliseconds since 1970-01-01 00:00 UTC, for records that people or other machines read.
    var unixMilliseconds: Int64 { get }

    /// Nanoseconds since 1970-01-01 00:00 UTC, for traces. Defaults to the milliseconds.
    var unixNanoseconds: Int64 { get }

    /// Runs `action` once at `instant`, or as soon as possible when that has passed, unless the timer is cancelled first.
    func schedule(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer
}

extension SchedulingClock {
    /// Without a cheaper source the coarse time is the exact time.
    public var coarseNow: ClockInstant { now }

    /// Without a better source, the milliseconds.
    public var unixNanoseconds: Int64 {
        let (product, overflow) = unixMilliseconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .max : product
    }

    /// Runs `action` once after `delay`.
    @discardableResult
    public func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        schedule(at: now.advanced(by: delay), action)
    }

    /// Runs `action` once at a time in milliseconds since 1970, or somewhat before: whoever is called looks whether it is time.
    ///
    /// While the clock moves, its two times are not read at once. The action may come early for that, never late.
    @discardableResult
    package func schedule(atUnixMilliseconds time: Int64, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        let start = now
        let (delay, overflow) = time.subtractingReportingOverflow(unixMilliseconds)
        return schedule(at: start.advanced(by: .milliseconds(overflow ? (time < 0 ? .min : .max) : delay)), action)
    }

    /// Suspends for `duration`. Throws `CancellationError` as soon as the task is cancelled.
    public func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        let elapsed = Signal()
        let timer = schedule(after: duration) { elapsed.fire() }
        defer { timer.cancel() }
        try await elapsed.wait()
    }
}

/// An action that a clock has yet to run.
public struct ScheduledTimer: Sendable {
    private let cancelAction: @Sendable () -> Void

    /// A timer whose cancellation is `cancel`, a function that may be called from any thread, any number of times.
    public init(cancel: @escaping @Sendable () -> Void) { cancelAction = cancel }

    /// Forgets the action. Does nothing when it has run already or is running.
    public func cancel() { cancelAction() }
}

extension Duration {
    /// The whole duration in nanoseconds, held to what 64 bits can count (292 years).
    @usableFromInline package var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowed) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard overflow || overflowed else { return sum }
        return seconds < 0 ? .min : .max
    }
}
