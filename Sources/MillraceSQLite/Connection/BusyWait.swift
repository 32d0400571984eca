import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How a connection waits for a lock that somebody else has.
///
/// SQLite's own way sleeps longer and longer, up to 100 milliseconds, and so gets the lock last among those who want it. This one
/// looks often: transactions here take less than a millisecond each.
final class BusyWait {
    private let timeout: Int64
    private var deadline: Int64 = 0

    init(_ timeout: Duration) { self.timeout = timeout.nanosecondsClamped }

    /// Waits a moment. False when it has been long enough. `count` says how often this wait has been asked before.
    func goOn(_ count: Int32) -> Bool {
        let now = SystemClock.shared.now.nanoseconds
        if count == 0 { deadline = now.addingReportingOverflow(timeout).overflow ? .max : now + timeout }
        guard now < deadline else { return false }
        // Somewhat at random, so that two who wait do not keep in step.
        let most: UInt32 = count < 40 ? 100 : count < 200 ? 500 : 2_000
        usleep(UInt32.random(in: most / 2...most))
        return true
    }
}
