import Millrace
import MillraceMemory
import TestSupport
import Testing

/// A transport that tells nobody anything.
func quietBroker(
    _ options: MemoryOptions = .init(), clock: any SchedulingClock = SystemClock.shared
) throws -> MemoryTransport {
    try MemoryTransport(options, clock: clock, observers: Observers([]))
}

extension RouterOptions {
    /// Nobody listens, and a drain takes a second at most.
    static var quiet: RouterOptions { RouterOptions(drainTimeout: .seconds(1), observers: []) }
}
