import MillraceTesting
import Testing

@testable import Millrace
import TestSupport

@Suite("A scheduling clock") struct SchedulingClockTests {
    /// Moves on by ten seconds whenever it is asked for the calendar's time, as if another thread had moved it in between.
    private struct RestlessClock: SchedulingClock {
        let base = ManualClock()

        var now: ClockInstant { base.now }
        var unixMilliseconds: Int64 {
            defer { base.advance(by: .seconds(10)) }
            return base.unixMilliseconds
        }

        func schedule(at instant: ClockInstant, _ action: @escaping @Sendable () -> Void) -> ScheduledTimer {
            base.schedule(at: instant, action)
        }
    }

    @Test("is never late for a time of the calendar, though it moves while it is read") func moving() {
        let clock = RestlessClock()
        let fired = Box(0)
        clock.schedule(atUnixMilliseconds: clock.base.unixMilliseconds + 5_000) { fired.update { $0 += 1 } }
        clock.base.advance(by: .milliseconds(1))
        #expect(fired.value == 1)
    }

    @Test("keeps a time of the calendar", arguments: [-1_000, 0, 1_000] as [Int64]) func still(_ delay: Int64) {
        let clock = ManualClock()
        let fired = Box(0)
        clock.schedule(atUnixMilliseconds: clock.unixMilliseconds + delay) { fired.update { $0 += 1 } }
        clock.advance(by: .milliseconds(max(0, delay - 1)))
        #expect(delay <= 0 || fired.value == 0)
        clock.advance(by: .milliseconds(1))
        #expect(fired.value == 1)
        clock.schedule(atUnixMilliseconds: .max) { fired.update { $0 += 1 } }.cancel()
        clock.schedule(atUnixMilliseconds: .min) {}.cancel()
    }
}
