import Millrace

/// Reports requests that came too late to be answered: the first at once, and those that follow together, once a second at most. There may
/// be thousands of them at a time, as after a long standstill.
final class LateRequestReport: Sendable {
    private struct State {
        /// Until when nothing is reported.
        var silentUntil: ClockInstant?
        /// How many came meanwhile, and the last of them.
        var held = 0
        var last: (address: ReplyAddress, late: Duration)?
    }

    private static let interval = Duration.seconds(1)

    private let observers: Observers
    private let clock: any SchedulingClock
    private let state = Lock(State())

    init(_ observers: Observers, _ clock: any SchedulingClock) {
        self.observers = observers
        self.clock = clock
    }

    /// One that is not answered, and how long after its time.
    func note(_ address: ReplyAddress, late: Duration) {
        let now = clock.now
        let (isFirst, mustWake) = state.withLock { state -> (Bool, ClockInstant?) in
            // Behind those that are held back it waits with them, though their time may have come.
            guard let silentUntil = state.silentUntil, now < silentUntil || state.held > 0 else {
                state.silentUntil = now.advanced(by: Self.interval)
                return (true, nil)
            }
            state.held += 1
            state.last = (address, late)
            return (false, state.held == 1 ? silentUntil : nil)
        }
        if isFirst { report(address, late, count: 1) }
        if let mustWake { wake(at: mustWake) }
    }

    /// Keeps the report alive until then: those that are held back are told of.
    private func wake(at instant: ClockInstant) { _ = clock.schedule(at: instant) { [self] in flush() } }

    /// Reports those that were held back.
    private func flush() {
        let now = clock.now
        let held = state.withLock { state -> (address: ReplyAddress, late: Duration, count: Int)? in
            defer { (state.held, state.last) = (0, nil) }
            guard let last = state.last else { return nil }
            state.silentUntil = now.advanced(by: Self.interval)
            return (last.address, last.late, state.held)
        }
        if let held { report(held.address, held.late, count: held.count) }
    }

    private func report(_ address: ReplyAddress, _ late: Duration, count: Int) {
        observers.report(
            .warning,
            .log(
                message: "a request came too late to be answered", handler: address.handler,
                fields: [
                    ("name", .text(address.requestName)), ("topic", .text(address.requestTopic)), ("late", .duration(late)),
                    ("count", .int(Int64(count))),
                ]))
    }
}
