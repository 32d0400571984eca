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
        try await wait(for: 1, context)
        return try await next(message, context)
    }

    /// Waits for so many tokens.
    func wait(for count: Int, _ context: HandlerContext) async throws {
        let delay = bucket.take(count, at: context.clock.now)
        guard delay > .zero else { return }
        do {
            try await context.clock.sleep(for: delay)
        } catch {
            bucket.putBack(count)
            throw error
        }
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

    /// Takes tokens, perhaps some of the future, and says how long to wait for the last of them.
    func take(_ count: Int = 1, at now: ClockInstant) -> Duration {
        due.withLock { due in
            let start = max(due ?? .min, now.nanoseconds - reserve)
            let last = Self.sum(start, Self.product(interval, count - 1))
            due = Self.sum(last, interval)
            return .nanoseconds(max(0, last - now.nanoseconds))
        }
    }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }

    private static func product(_ interval: Int64, _ count: Int) -> Int64 {
        let (product, overflow) = interval.multipliedReportingOverflow(by: Int64(count))
        return overflow ? .max : product
    }

    /// Whether all tokens are back, so that the bucket is like a new one.
    func isFull(at now: ClockInstant) -> Bool {
        due.withLock { due in due.map { $0 <= now.nanoseconds - reserve } ?? true }
    }

    /// Gives back tokens that were not used.
    func putBack(_ count: Int = 1) {
        due.withLock { due in due = due.map { Self.sum($0, -Self.product(interval, count)) } }
    }
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
