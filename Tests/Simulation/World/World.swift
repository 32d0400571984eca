import Millrace
import MillraceTesting

/// Numbers of worlds. A world is a process: it lives until it has ended or is killed.
enum World {
    /// Where publishers and the broker live, which nothing kills.
    static let outside = 0
}

/// The clock of a world: what a dead world has asked it for does not happen.
struct WorldClock: SchedulingClock {
    let base: ManualClock
    let world: Int

    var now: ClockInstant { base.now }
    var unixMilliseconds: Int64 { base.unixMilliseconds }

    func schedule(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
        base.schedule(at: instant) { [world] in Scheduler.shared.within(world, action) }
    }
}
