/// Handles a message again after it failed, with growing delays.
///
/// Short delays are waited out in place, which holds the handler's concurrency slot. Longer ones are handed to the transport's
/// `retry(after:)`, so that other messages go on; the count of attempts goes on across redeliveries.
///
/// Errors that say that another try can't help (``MillraceError/isRetriable`` is false, or ``Reject``) are not retried, and
/// neither is ``RetryLater``, which asks for its own delay.
public struct Retry: StagedMiddleware {
    /// A failed attempt, as `shouldRetry` and `onRetry` see it.
    public struct Failure: Sendable {
        /// The number of the attempt that failed, from 1.
        public let attempt: Int
        /// What it threw.
        public let error: any Error
        /// How long the next attempt will be waited for. The same value is slept and reported.
        public let delay: Duration
        /// The message; of a batch, the first that nobody has settled.
        public let message: Message
    }

    private var attempts: Int
    private var backoff: Backoff
    private var maximumElapsed: Duration?
    private var inPlaceLimit: Duration
    private let shouldRetry: @Sendable (Failure) -> Bool
    private let onRetry: @Sendable (Failure) -> Void

    /// Retries.
    ///
    /// - Parameters:
    ///   - attempts: How often a message is handled at most, the first time included. Defaults to 5; 1 means no retry.
    ///   - backoff: The delays. Defaults to 100 milliseconds up to 10 seconds, doubling, with full jitter.
    ///   - maximumElapsed: Gives up when the next attempt would begin later than this after the delivery was received; nil,
    ///     the default, for no limit. It does not span redeliveries.
    ///   - inPlaceLimit: Delays up to this, before jitter, are waited out in place. Defaults to 250 milliseconds.
    ///   - shouldRetry: Says whether an error is worth another attempt. Called once after each failed attempt but the last.
    ///   - onRetry: Called once before each wait.
    public init(
        attempts: Int = 5, backoff: Backoff = .exponential(from: .milliseconds(100), upTo: .seconds(10)),
        maximumElapsed: Duration? = nil, inPlaceUpTo inPlaceLimit: Duration = .milliseconds(250),
        shouldRetry: @escaping @Sendable (Failure) -> Bool = { _ in true },
        onRetry: @escaping @Sendable (Failure) -> Void = { _ in }
    ) {
        self.attempts = attempts
        self.backoff = backoff
        self.maximumElapsed = maximumElapsed
        self.inPlaceLimit = inPlaceLimit
        self.shouldRetry = shouldRetry
        self.onRetry = onRetry
    }

    /// None: it acts on errors only.
    public var stages: Stages { [] }

    /// Waits, and handles the message again, until that succeeds or another attempt is not worth it.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        var error = error
        while true {
            guard let failure = nextAttempt(after: error, message, context) else { throw error }
            if context.canRetryLater, isTooLongInPlace(failure) {
                throw RetryLater(after: failure.delay, because: error)
            }
            try await context.clock.sleep(for: failure.delay)
            context.attempt += 1
            do {
                return try await next(message, context)
            } catch let latest {
                error = latest
            }
        }
    }

    /// Whether the transport is to wait.
    func isTooLongInPlace(_ failure: Failure) -> Bool { backoff.nominalDelay(after: failure.attempt) > inPlaceLimit }

    /// What is to be waited for, or nil when the error is final.
    func nextAttempt(after error: any Error, _ message: Message, _ context: HandlerContext) -> Failure? {
        guard context.attempt < attempts, !error.asksForAnotherDelivery, !error.isFinal else { return nil }
        let delay = backoff.delay(after: context.attempt, random: context.random)
        if let maximumElapsed {
            let next = context.clock.now.advanced(by: delay)
            guard context.receivedAt.duration(to: next) <= maximumElapsed else { return nil }
        }
        let failure = Failure(attempt: context.attempt, error: error, delay: delay, message: message)
        guard shouldRetry(failure) else { return nil }
        onRetry(failure)
        context.observers.report(
            .debug,
            .messageRetried(
                handler: context.handler, id: message.id, attempt: failure.attempt, after: delay, error: error))
        return failure
    }

    func validate(for handler: String) throws {
        let subject = "handler '\(handler)': Retry"
        guard attempts >= 1 else {
            throw MillraceError.invalidOption("attempts", attempts, bound: "at least 1", of: subject)
        }
        try backoff.validate(for: subject)
    }
}

extension Retry: ConfigurableMiddleware {
    /// Takes `attempts`, `backoff`, `maximum-elapsed` and `in-place-up-to`.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        attempts = try section.takeNumber("attempts") ?? attempts
        backoff = try section.takeBackoff("backoff", over: backoff) ?? backoff
        maximumElapsed = try section.takeDuration("maximum-elapsed") ?? maximumElapsed
        inPlaceLimit = try section.takeDuration("in-place-up-to", atLeast: .zero) ?? inPlaceLimit
    }
}
