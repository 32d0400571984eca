public import Millrace

/// A clock that shows another time of day than the clock behind it, and is the same otherwise: a machine whose clock is wrong.
///
/// ```swift
/// // A process whose clock is two hours ahead of the broker's and of all others.
/// let broker = try await RedisTransport(options, clock: SkewedClock(by: .seconds(7_200)))
/// ```
///
/// Monotonic time and timers are those of the clock behind it, so that nothing waits longer or shorter for it.
public final class SkewedClock: SchedulingClock {
    private let base: any SchedulingClock
    private let offset: Lock<Duration>

    /// A clock that is wrong.
    ///
    /// - Parameters:
    ///   - offset: How far it is ahead; negative for one that is behind.
    ///   - base: The clock behind it. Defaults to the machine's.
    public init(by offset: Duration, from base: any SchedulingClock = SystemClock.shared) {
        self.base = base
        self.offset = Lock(offset)
    }

    /// Sets the clock, as somebody does who corrects it while the process runs: it is ahead by so much from now on.
    public func set(to offset: Duration) { self.offset.withLock { $0 = offset } }

    /// That of the clock behind it.
    public var now: ClockInstant { base.now }

    /// That of the clock behind it.
    public var coarseNow: ClockInstant { base.coarseNow }

    /// The time of the clock behind it, and the offset.
    public var unixMilliseconds: Int64 { base.unixMilliseconds &+ skew / 1_000_000 }

    /// The time of the clock behind it, and the offset.
    public var unixNanoseconds: Int64 { base.unixNanoseconds &+ skew }

    /// In nanoseconds.
    private var skew: Int64 { offset.withLock { $0.nanosecondsClamped } }

    /// Keeps an action until the clock behind it runs it. The offset changes nothing about it.
    public func schedule(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        base.schedule(at: instant, action)
    }
}
