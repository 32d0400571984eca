import Millrace

/// What a server has said of the time, and when.
struct TimeReading: Sendable {
    /// The server's time, in milliseconds since 1970: at some moment between question and answer.
    let time: Int64
    /// How long the answer took.
    let roundTrip: Duration
    /// When it came.
    let heard: ClockInstant
    /// What this machine's clock said then, in milliseconds since 1970.
    let here: Int64

    /// - Parameters:
    ///   - time: The server's time, in milliseconds since 1970.
    ///   - asked: When it was asked for it.
    ///   - clock: That of this machine.
    init(_ time: Int64, asked: ClockInstant, by clock: any SchedulingClock) {
        self.time = time
        heard = clock.now
        here = clock.unixMilliseconds
        roundTrip = max(.zero, asked.duration(to: heard))
    }

    /// How far this machine's clock is ahead of the server's, as if the question took as long as the answer: right to half of the round trip.
    var skew: Duration { .milliseconds(here - time) - roundTrip / 2 }

    /// The time in a reply to `TIME`, in milliseconds since 1970; nil when it holds none.
    static func milliseconds(in reply: borrowing RedisReply) -> Int64? {
        guard let seconds = reply.element(0, { Int64($0.text) }), let micros = reply.element(1, { Int64($0.text) }),
            0..<1 << 40 ~= seconds, 0..<1_000_000 ~= micros
        else { return nil }
        return seconds * 1_000 + micros / 1_000
    }
}

/// A server has not said what time it is.
struct TimeRefused: Error {
    let server: RedisEndpoint
    /// What it has said instead.
    let reason: String
}
