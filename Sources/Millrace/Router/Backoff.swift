/// How long to wait before another attempt.
public struct Backoff: Sendable, Hashable {
    /// The delay after the first attempt.
    public let first: Duration
    /// The longest delay.
    public let maximum: Duration
    /// By what the delay grows from one attempt to the next; at least 1.
    public let factor: Double
    /// Whether delays are spread at random.
    public let hasJitter: Bool

    /// The same delay each time, without jitter. Defaults to none at all.
    public static func constant(_ delay: Duration = .zero) -> Backoff {
        Backoff(first: delay, maximum: delay, factor: 1, hasJitter: false)
    }

    /// Delays that grow by `factor`, with full jitter: each is drawn from zero to the full delay, so that many who failed
    /// together do not come back together. (Brooker: Exponential Backoff and Jitter, AWS Architecture Blog, 2015.)
    public static func exponential(
        from first: Duration, upTo maximum: Duration, factor: Double = 2, jitter: Bool = true
    ) -> Backoff {
        Backoff(first: first, maximum: maximum, factor: factor, hasJitter: jitter)
    }

    /// The delay after an attempt, counted from 1, before jitter.
    public func nominalDelay(after attempt: Int) -> Duration {
        var delay = min(first, maximum)
        var left = attempt - 1
        while left > 0, delay > .zero, delay < maximum {
            delay = maximum / delay <= factor ? maximum : delay * factor
            left = factor > 1 ? left - 1 : 0
        }
        return delay
    }

    /// The delay after an attempt, counted from 1.
    public func delay(after attempt: Int, random: RandomSource) -> Duration {
        let nominal = nominalDelay(after: attempt)
        return hasJitter ? random.duration(upTo: nominal) : nominal
    }

    package func validate(for subject: String) throws {
        guard first >= .zero else {
            throw MillraceError.invalidOption("backoff.first", first, bound: "at least 0", of: subject)
        }
        guard maximum >= first else {
            throw MillraceError.invalidOption("backoff.maximum", maximum, bound: "at least backoff.first", of: subject)
        }
        guard factor >= 1 else {
            throw MillraceError.invalidOption("backoff.factor", factor, bound: "at least 1", of: subject)
        }
    }
}
