internal import Millrace

/// Warnings and errors of transports, on standard error.
///
/// A lost connection is told a moment later: brokers hang up on a reader that is just being closed, which is nothing to tell.
final class ToolLog: Observer {
    static let delay = Duration.milliseconds(250)

    private let log: ConsoleLog
    private let clock: any SchedulingClock
    private let hasEnded = Signal()

    init(
        clock: any SchedulingClock = SystemClock.shared,
        write: @escaping @Sendable (String) -> Void = ConsoleLog.writeToStandardError
    ) {
        self.clock = clock
        log = ConsoleLog(clock: clock, write: write)
    }

    var level: EventLevel { log.level }

    func observe(_ event: Event) {
        guard case .disconnected = event.kind else { return log.observe(event) }
        clock.schedule(after: Self.delay) { [log, hasEnded] in
            if !hasEnded.hasFired { log.observe(event) }
        }
    }

    /// From now on connections may be lost without a word.
    func end() { hasEnded.fire() }
}
