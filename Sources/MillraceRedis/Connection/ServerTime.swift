import Millrace

/// What time it is at a server, told by what it said once and how long ago that was.
struct ServerTime {
    private let base: (time: Int64, at: ClockInstant)?

    /// Not known.
    init() { base = nil }

    /// - Parameter reading: What the server said; nil when it is not known.
    init(_ reading: TimeReading?) { base = reading.map { ($0.time, $0.heard) } }

    /// The server's time, in milliseconds since 1970, or somewhat before it, never later; nil when it is not known.
    func now(_ clock: any SchedulingClock) -> Int64? {
        base.map { $0.time + Int64($0.at.duration(to: clock.coarseNow) / .milliseconds(1)) }
    }
}
