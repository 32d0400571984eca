import Dispatch

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The machine's clock: monotonic time that does not jump, and one timer queue for the whole process.
public final class SystemClock: SchedulingClock {
    /// The clock that everything uses unless told otherwise.
    public static let shared = SystemClock()

    private let timers: TimerQueue

    private init() { timers = TimerQueue() }

    /// Monotonic time in nanoseconds.
    public var now: ClockInstant { ClockInstant(nanoseconds: Self.read(CLOCK_MONOTONIC)) }

    /// Monotonic time to about 4 milliseconds on Linux; the exact time elsewhere.
    public var coarseNow: ClockInstant {
        #if os(Linux)
        ClockInstant(nanoseconds: Self.read(CLOCK_MONOTONIC_COARSE))
        #else
        now
        #endif
    }

    /// Wall-clock time to about 4 milliseconds on Linux.
    public var unixMilliseconds: Int64 { Self.coarseUnixMilliseconds }

    /// Wall-clock time as exact as the system has it.
    public var unixNanoseconds: Int64 { Self.read(CLOCK_REALTIME) }

    static var coarseUnixMilliseconds: Int64 {
        #if os(Linux)
        read(CLOCK_REALTIME_COARSE) / 1_000_000
        #else
        read(CLOCK_REALTIME) / 1_000_000
        #endif
    }

    /// See ``SchedulingClock/schedule(at:_:)``. Timers fire within about a millisecond of their time.
    public func schedule(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        timers.add(at: instant, action)
    }

    @inline(__always)
    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}

/// Timers in order of time, driven by one dispatch timer that is always set to the earliest.
private final class TimerQueue: Sendable {
    // Safe to share: dispatch sources may be used from any thread.
    private nonisolated(unsafe) let source: any DispatchSourceTimer
    private let timers = Lock(TimerHeap())

    init() {
        source = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "millrace.timers", qos: .userInitiated))
        source.setEventHandler { [weak self] in self?.fire() }
        source.activate()
    }

    func add(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        let id = timers.withLock { timers in
            let (id, isEarliest) = timers.insert(at: instant, action)
            if isEarliest { arm(for: instant) }
            return id
        }
        return ScheduledTimer { [weak self] in self?.timers.withLock { $0.remove(id) } }
    }

    /// Sets the one timer anew. Under the lock, so that it is always the earliest that wins.
    private func arm(for instant: ClockInstant) {
        // Waking up once an hour for nothing costs nothing, and keeps the sum below within bounds.
        let delay = min(3_600_000_000_000, max(0, SystemClock.shared.now.duration(to: instant).nanosecondsClamped))
        source.schedule(deadline: .now() + .nanoseconds(Int(delay)), leeway: .microseconds(100))
    }

    private func fire() {
        while let action = timers.withLock({ $0.popDue(at: SystemClock.shared.now) }) { action() }
        timers.withLock { timers in
            if let next = timers.earliest { arm(for: next) }
        }
    }
}
