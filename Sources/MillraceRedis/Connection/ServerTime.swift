import Millrace

/// What time it is at a server, told by what it said once and how long ago that was.
struct ServerTime {
    private let base: (time: Int64, at: ClockInstant)?

    /// Not known.
    init() { base = nil }

    /// - Parameters:
    ///   - time: The server's time, in milliseconds since 1970; nil when it is not known.
    ///   - instant: When the server said so.
    init(_ time: Int64?, at instant: ClockInstant) { base = time.map { ($0, instant) } }

    /// The server's time, in milliseconds since 1970; nil when it is not known.
    func now(_ clock: any SchedulingClock) -> Int64? {
        base.map { $0.time + Int64($0.at.duration(to: clock.coarseNow) / .milliseconds(1)) }
    }
}
