import Millrace
import MillraceTransportKit

/// What time it is at the server of a transport, as its connections have heard; and how far this machine's clock differs, which is reported.
/// May be used from any thread.
final class ServerClock: Sendable {
    private struct State {
        var reading: TimeReading?
        /// Nobody is to be asked again before there is another connection.
        var isRefused = false
        /// How far the clocks differed when it was reported last.
        var reported = Duration.zero
    }

    /// By how much clocks may differ, and by how much the difference may change, before it is reported.
    private static let tolerance = Duration.seconds(2)
    /// How old what was heard may get before the server is asked again: clocks drift, and are set.
    private static let age = Duration.seconds(60)

    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let state = Lock(State())

    init(_ clock: any SchedulingClock, _ observers: AttachableObservers) {
        self.clock = clock
        self.observers = observers
    }

    /// The server's time, in milliseconds since 1970; nil while it is not known.
    var now: Int64? {
        guard let reading = state.withLock({ $0.reading }), let elapsed = elapsed(since: reading) else { return nil }
        return reading.time + Int64((reading.roundTrip / 2 + elapsed) / .milliseconds(1))
    }

    /// Whether the server should be asked.
    var mustAsk: Bool {
        let (reading, isRefused) = state.withLock { ($0.reading, $0.isRefused) }
        guard let reading else { return !isRefused }
        return elapsed(since: reading).map { $0 >= Self.age } ?? true
    }

    /// How long ago it was; nil when that can't be told. The two clocks of a machine part when it sleeps, in which only one of them goes on,
    /// and when somebody sets the time.
    private func elapsed(since reading: TimeReading) -> Duration? {
        let elapsed = reading.heard.duration(to: clock.now)
        let parted = Duration.milliseconds(clock.unixMilliseconds - reading.here) - elapsed
        return abs(parted) <= Self.tolerance ? elapsed : nil
    }

    /// A server has said what time it is.
    func note(_ reading: TimeReading, from server: RedisEndpoint) {
        let mustReport = state.withLock { state in
            state.reading = reading
            state.isRefused = false
            // What the way there and back may hide is no difference.
            guard abs(reading.skew - state.reported) - reading.roundTrip / 2 > Self.tolerance else { return false }
            state.reported = reading.skew
            return true
        }
        guard mustReport else { return }
        let differ = abs(reading.skew) > Self.tolerance
        observers.report(
            differ ? .warning : .info,
            .log(
                message: "the clocks of this machine and of the server " + (differ ? "differ" : "agree again"), handler: nil,
                fields: [("transport", "redis"), ("skew", .duration(reading.skew)), ("server", "\(server)")]))
    }

    /// The server does not say what time it is.
    func noteRefusal() {
        state.withLock { state in
            state.reading = nil
            state.isRefused = true
        }
    }

    private func abs(_ duration: Duration) -> Duration { duration < .zero ? .zero - duration : duration }
}
