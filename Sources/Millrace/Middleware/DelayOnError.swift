/// Has the transport bring a message that failed back after a growing delay, without a poison queue or another topic.
///
/// The delay grows with the message's deliveries. Other messages go on meanwhile. ``Reject``, a ``MillraceError`` that is not
/// retriable, and ``RetryLater``, which has a delay of its own, go outward as they are.
///
/// A handler whose transport can't bring messages back after a delay is refused at registration.
public struct DelayOnError: StagedMiddleware {
    private var backoff: Backoff
    private var attempts: Int?

    /// A delay after each failure.
    ///
    /// - Parameters:
    ///   - backoff: The delays. Defaults to 1 second up to 5 minutes, doubling, with full jitter.
    ///   - attempts: How often a message is delivered before its error goes outward. Defaults to nil, for no limit; at least 1.
    public init(
        _ backoff: Backoff = .exponential(from: .seconds(1), upTo: .seconds(300)), attempts: Int? = nil
    ) {
        self.backoff = backoff
        self.attempts = attempts
    }

    /// None: it acts on errors only.
    public var stages: Stages { [] }

    /// Itself. Throws a ``MillraceError`` of code `unsupported` when the transport can't delay.
    public func attached(to handler: HandlerInfo) throws -> any Middleware {
        guard handler.capabilities.contains(.delayedRetry) else {
            throw MillraceError(
                .unsupported,
                "handler '\(handler.name)': DelayOnError needs a transport that can 'delayedRetry'; "
                    + "\(handler.system) can: \(handler.capabilities)", isRetriable: false)
        }
        return self
    }

    /// Asks for the message again after the delay.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        guard !error.asksForAnotherDelivery, !(error is Reject), (error as? MillraceError)?.isRetriable ?? true,
            context.canRetryLater, context.deliveryAttempt < attempts ?? .max
        else { throw error }
        let delay = backoff.delay(after: context.deliveryAttempt, random: context.random)
        throw RetryLater(after: delay, because: error)
    }

    func validate(for handler: String) throws {
        let subject = "handler '\(handler)': DelayOnError"
        try backoff.validate(for: subject)
        if let attempts, attempts < 1 {
            throw MillraceError.invalidOption("attempts", attempts, bound: "at least 1", of: subject)
        }
    }
}

extension DelayOnError: ConfigurableMiddleware {
    /// Takes `attempts` and `backoff`.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        attempts = try section.takeNumber("attempts") ?? attempts
        backoff = try section.takeBackoff("backoff", over: backoff) ?? backoff
    }
}
