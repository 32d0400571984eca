import Millrace

/// For how long messages stay away: each delay has a queue of its own, so there are only so many delays.
///
/// Fifteen of them for each power of ten; what lies between two goes to the longer one, at most a quarter more.
enum AMQPRetryDelays {
    private static let steps: [Int64] = [100, 120, 150, 180, 200, 250, 300, 360, 400, 450, 500, 600, 720, 800, 900]
    /// What the broker takes as the time to live of a queue's messages.
    private static let maximum: Int64 = 4_000_000_000

    /// The name of the queue in which messages of another one wait for so many milliseconds.
    static func queue(of queue: String, _ milliseconds: Int64) -> String {
        AMQPTopology.shortened("\(queue).delay.\(milliseconds)")
    }

    /// The names of all queues in which messages of another one may wait.
    static func queues(of queue: String) -> [String] {
        var delays: [Int64] = []
        var delay = milliseconds(for: .zero)
        while delays.last != delay {
            delays.append(delay)
            delay = milliseconds(for: .milliseconds(delay + 1))
        }
        return delays.map { Self.queue(of: queue, $0) }
    }

    /// The delay, in milliseconds, that takes the place of another one, which is above zero.
    static func milliseconds(for delay: Duration) -> Int64 {
        let nanoseconds = delay.nanosecondsClamped
        let wanted = min(maximum, nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0))
        guard wanted > 10 else { return 10 }
        var power: Int64 = 1
        while 10 * power <= wanted { power *= 10 }
        let step = steps.first { $0 * power >= wanted * 100 }
        return step.map { $0 * power / 100 } ?? 10 * power
    }

    /// The delay of a retry: what was asked for, but from the second retry on never at once, so that a message which fails again and
    /// again does not go round and round.
    static func delay(_ asked: Duration, attempt: Int) -> Duration {
        guard attempt > 1 else { return max(.zero, asked) }
        let growing = Duration.milliseconds(10) * (1 << min(attempt - 2, 7))
        return max(asked, min(growing, .seconds(1)))
    }
}
