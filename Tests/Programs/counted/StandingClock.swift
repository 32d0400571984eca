import Millrace

/// A clock that stands still, so that it does not depend on the machine's speed how often something is done for a message. Timers
/// cost what they cost, and never fire.
struct StandingClock: SchedulingClock {
    private let start = SystemClock.shared.now

    var now: ClockInstant { start }
    var unixMilliseconds: Int64 { 1_767_225_600_000 }

    func schedule(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        SystemClock.shared.schedule(at: instant.advanced(by: .seconds(86_400)), action)
    }
}
