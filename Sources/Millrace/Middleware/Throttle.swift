/// Limits how many messages are handled in a time, with a token bucket.
///
/// The bucket holds `burst` tokens at first and at most; each message takes one, and `count` come back evenly over `interval`.
/// Handlers that share the instance share the bucket. Waiting ends with the task: a shutdown is not delayed.
public struct Throttle: Middleware {
    private var count: Int
    private var interval: Duration
    private var burst: Int
    private var bucket: TokenBucket

    /// A limit.
    ///
    /// - Parameters:
    ///   - count: How many messages; at least 1.
    ///   - interval: In what time; more than zero.
    ///   - burst: How many at once after a pause. Defaults to 1, an even flow; at least 1.
    public init(_ count: Int, per interval: Duration, burst: Int = 1) {
        self.count = count
        self.interval = interval
        self.burst = burst
        bucket = Self.bucket(count, interval, burst)
    }

    private static func bucket(_ count: Int, _ interval: Duration, _ burst: Int) -> TokenBucket {
        TokenBucket(interval: interval.nanosecondsClamped / Int64(max(1, count)), burst: max(1, burst))
    }

    /// Waits for a token, then handles the message.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        let delay = bucket.take(at: context.clock.now)
        if delay > .zero {
            do {
                try await context.clock.sleep(for: delay)
            } catch {
                bucket.putBack()
                throw error
            }
        }
        return try await next(message, context)
    }

    func validate(for handler: String) throws {
        let subject = "handler '\(handler)': Throttle"
        guard count >= 1 else { throw MillraceError.invalidOption("count", count, bound: "at least 1", of: subject) }
        guard interval > .zero else {
            throw MillraceError.invalidOption("interval", interval, bound: "more than 0", of: subject)
        }
        guard burst >= 1 else { throw MillraceError.invalidOption("burst", burst, bound: "at least 1", of: subject) }
    }
}

/// A token bucket kept as one instant: when the next token would be due if every one had been taken as early as possible
/// (the generic cell rate algorithm, ITU-T I.371).
final class TokenBucket: Sendable {
    /// Nanoseconds between tokens.
    private let interval: Int64
    /// How many nanoseconds' worth of tokens the bucket holds besides one.
    private let reserve: Int64
    private let due = Lock<Int64?>(nil)

    /// Both are held to some seventy years, so that no sum leaves the clock's range.
    private static let limit = Int64.max / 4

    init(interval: Int64, burst: Int) {
        self.interval = min(max(1, interval), Self.limit)
        let (product, overflow) = self.interval.multipliedReportingOverflow(by: Int64(burst - 1))
        reserve = overflow ? Self.limit : min(product, Self.limit)
    }

    /// Takes a token, perhaps one of the future, and says how long to wait for it.
    func take(at now: ClockInstant) -> Duration {
        due.withLock { due in
            let start = max(due ?? .min, now.nanoseconds - reserve)
            let (sum, overflow) = start.addingReportingOverflow(interval)
            due = overflow ? .max : sum
            return .nanoseconds(max(0, start - now.nanoseconds))
        }
    }

    /// Whether all tokens are back, so that the bucket is like a new one.
    func isFull(at now: ClockInstant) -> Bool {
        due.withLock { due in due.map { $0 <= now.nanoseconds - reserve } ?? true }
    }

    /// Gives back a token that was not used.
    func putBack() { due.withLock { due in due = due.map { $0 - interval } } }
}

extension Throttle: ConfigurableMiddleware {
    /// Takes `count`, `per` and `burst`. The bucket is a new one.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        count = try section.takeNumber("count") ?? count
        interval = try section.takeDuration("per") ?? interval
        burst = try section.takeNumber("burst") ?? burst
        bucket = Self.bucket(count, interval, burst)
    }
}
