/// Limits how many messages of a key are handled in a time, with a token bucket for each key.
///
/// Handlers that share the instance share the buckets. Short waits are waited out in place, which holds the worker. For longer
/// ones the message goes back to the transport until its token is due, so that a busy key does not hold up the others; the
/// token is kept for it, so that it comes back once, and that delivery does not count as an attempt.
///
/// A bucket that is full again is dropped. Beyond `maximumKeys` further keys share one bucket, so that each has at most its
/// rate; give it as many keys as are busy within the time of a burst. Waiting ends with the task: a shutdown is not delayed.
public struct RateLimit: Middleware {
    private var count: Int
    private var interval: Duration
    private var burst: Int
    private var inPlaceLimit: Duration
    private var maximumKeys: Int
    private let key: @Sendable (Message) -> String?
    private var buckets: TokenBuckets

    /// A limit.
    ///
    /// - Parameters:
    ///   - count: How many messages of a key; at least 1.
    ///   - interval: In what time; more than zero.
    ///   - burst: How many at once after a pause. Defaults to 1, an even flow; at least 1.
    ///   - inPlaceLimit: Waits up to this hold the worker; longer ones go back to the transport. Defaults to 250 milliseconds;
    ///     at least 0. A transport that can't delay has all waits in place.
    ///   - maximumKeys: For how many keys a bucket is kept. Defaults to 100,000; at least 1.
    ///   - key: What a message is counted under; nil for a message that is not limited.
    public init(
        _ count: Int, per interval: Duration, burst: Int = 1, inPlaceUpTo inPlaceLimit: Duration = .milliseconds(250),
        maximumKeys: Int = 100_000, by key: @escaping @Sendable (Message) -> String?
    ) {
        self.count = count
        self.interval = interval
        self.burst = burst
        self.inPlaceLimit = inPlaceLimit
        self.maximumKeys = maximumKeys
        self.key = key
        buckets = Self.buckets(count, interval, burst, maximumKeys)
    }

    private static func buckets(_ count: Int, _ interval: Duration, _ burst: Int, _ maximumKeys: Int) -> TokenBuckets {
        TokenBuckets(
            interval: interval.nanosecondsClamped / Int64(max(1, count)), burst: max(1, burst),
            maximumKeys: max(1, maximumKeys))
    }

    /// Waits for a token, here or in the transport, then handles the message.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        guard let key = key(message) else { return try await next(message, context) }
        let wanted = TokenBuckets.Holder(handler: context.handler, id: message.id)
        let limit = context.canRetryLater ? inPlaceLimit : nil
        switch buckets.take(key, for: wanted, at: context.clock.now, waitingUpTo: limit) {
        case .now: break
        case .here(let delay, let bucket):
            do {
                try await context.clock.sleep(for: delay)
            } catch {
                bucket.putBack()
                throw error
            }
        case .later(let delay):
            context.excuseDelivery(of: message)
            throw RetryLater(after: delay)
        }
        return try await next(message, context)
    }

    /// How many keys have a bucket.
    var keyCount: Int { buckets.count }

    func validate(for handler: String) throws {
        let subject = "handler '\(handler)': RateLimit"
        func require(_ holds: Bool, _ name: String, _ value: some Sendable, _ bound: String) throws {
            guard holds else { throw MillraceError.invalidOption(name, value, bound: bound, of: subject) }
        }
        try require(count >= 1, "count", count, "at least 1")
        try require(interval > .zero, "interval", interval, "more than 0")
        try require(burst >= 1, "burst", burst, "at least 1")
        try require(inPlaceLimit >= .zero, "inPlaceUpTo", inPlaceLimit, "at least 0")
        try require(maximumKeys >= 1, "maximumKeys", maximumKeys, "at least 1")
    }
}

extension RateLimit: ConfigurableMiddleware {
    /// Takes `count`, `per`, `burst`, `in-place-up-to` and `maximum-keys`. The buckets are new ones.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        count = try section.takeNumber("count") ?? count
        interval = try section.takeDuration("per") ?? interval
        burst = try section.takeNumber("burst") ?? burst
        inPlaceLimit = try section.takeDuration("in-place-up-to", atLeast: .zero) ?? inPlaceLimit
        maximumKeys = try section.takeNumber("maximum-keys") ?? maximumKeys
        buckets = Self.buckets(count, interval, burst, maximumKeys)
    }
}
