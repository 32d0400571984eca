/// Stops fetching while what a handler depends on is away, and tries it with single messages until it is back.
///
/// Each handler has a circuit of its own. While it is *closed*, messages are handled. It *opens* when, of at least
/// `minimumCount` messages in the window, a share of `failureShare` has failed; or when `minimumCount` messages in a row have
/// failed, however long that took. Then the handler fetches nothing, and what it has fetched goes back to its old place
/// without a counted attempt. After `openFor` the circuit is *half open*: one message at a time is tried. When `probes` of
/// them have succeeded, the circuit closes; when one fails, it opens again, for longer.
///
/// A failure never reaches what stands outside while it may be due to an outage. A message that fails is held back: it comes
/// back after `holdFor`, and its attempt does not count. It fails for good when others succeeded meanwhile, or when there were
/// no others to compare it with and it was held back `patience` times. When others fail as well and none succeeds, the
/// circuit opens instead. So an outage leaves the poison queue empty, and a bad message gets there.
///
/// Put it inside of `PoisonQueue` and outside of `Retry`. A transport that can't bring messages back after a delay has no way
/// to hold one back: failures go outward until the circuit opens.
public struct CircuitBreaker: StagedMiddleware {
    /// What a circuit lets through.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// Everything.
        case closed
        /// Nothing.
        case open
        /// One message at a time.
        case halfOpen
    }

    private var window: Duration
    private var minimumCount: Int
    private var failureShare: Double
    private var openFor: Backoff
    private var holdFor: Backoff
    private var probes: Int
    private var patience: Int
    private let isFailure: @Sendable (any Error) -> Bool
    private let onStateChange: @Sendable (String, State) -> Void
    private(set) var circuit: Circuit?

    /// A circuit breaker.
    ///
    /// - Parameters:
    ///   - window: What the share of failures is taken of. Defaults to the last 10 seconds; at least 10 milliseconds.
    ///   - minimumCount: How many messages have to be handled, or to fail in a row, to tell an outage. A message counts once,
    ///     however often it fails. Defaults to 10; at least 2.
    ///   - failureShare: The share of failures that opens the circuit. Defaults to 0.5; more than 0, at most 1.
    ///   - openFor: How long the circuit is open, by how often it has opened in a row. Defaults to 5 seconds, doubling up to
    ///     60 seconds; at least 1 millisecond.
    ///   - probes: How many messages have to succeed to close the circuit. Defaults to 1; at least 1.
    ///   - patience: How often a message is held back at most when the other messages do not tell whose fault a failure is.
    ///     Defaults to 3; at least 1.
    ///   - holdFor: How long a message is held back, by how often it has failed. Defaults to 200 milliseconds, doubling up to
    ///     10 seconds.
    ///   - isFailure: Whether an error may be a sign of an outage; others go outward and count neither way. Defaults to all
    ///     but ``Reject``, a ``MillraceError`` that is not retriable, and cancellation. A ``RetryLater`` is judged by its cause,
    ///     and goes outward in any case.
    ///   - onStateChange: Called with the handler's name after each change. Must not block.
    public init(
        window: Duration = .seconds(10), minimumCount: Int = 10, failureShare: Double = 0.5,
        openFor: Backoff = .exponential(from: .seconds(5), upTo: .seconds(60), jitter: false), probes: Int = 1,
        patience: Int = 3,
        holdFor: Backoff = .exponential(from: .milliseconds(200), upTo: .seconds(10), jitter: false),
        isFailure: @escaping @Sendable (any Error) -> Bool = CircuitBreaker.mayBeAnOutage,
        onStateChange: @escaping @Sendable (_ handler: String, _ state: State) -> Void = { _, _ in }
    ) {
        self.window = window
        self.minimumCount = minimumCount
        self.failureShare = failureShare
        self.openFor = openFor
        self.holdFor = holdFor
        self.probes = probes
        self.patience = patience
        self.isFailure = isFailure
        self.onStateChange = onStateChange
    }

    /// Whether an error may be a sign that something is away: all but ``Reject``, a ``MillraceError`` that is not retriable, and
    /// cancellation.
    @Sendable public static func mayBeAnOutage(_ error: any Error) -> Bool {
        switch error {
        case is Reject, is CancellationError: false
        case let error as MillraceError: error.isRetriable
        default: true
        }
    }

    /// A copy with a circuit for the handler.
    public func attached(to handler: HandlerInfo) throws -> any Middleware {
        var copy = self
        let machine = CircuitMachine(
            window: window, minimumCount: minimumCount, failureShare: failureShare, patience: patience, probes: probes)
        copy.circuit = Circuit(handler, machine: machine, openFor: openFor, onStateChange: onStateChange)
        return copy
    }

    /// Hands the message back unless the circuit lets it through.
    @inline(__always)
    public func begin(_ message: Message, _ context: HandlerContext) throws {
        guard let circuit, !circuit.isClosed else { return }
        guard circuit.admits(context) else { throw HandedBack(reason: "the circuit is open") }
    }

    /// Counts a success.
    @inline(__always)
    public func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) {
        circuit?.succeeded(message, context)
    }

    /// Counts a failure, and keeps it from going outward while it may be due to an outage.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        throw judged(error, of: message, alongWith: [message], context)
    }

    /// What a failure becomes: what goes outward. `all` are the messages that are held back together, if they are.
    func judged(
        _ error: any Error, of message: Message, alongWith all: [Message], _ context: HandlerContext
    ) -> any Error {
        guard let circuit else { return error }
        let later = error as? RetryLater
        guard !(error is HandedBack), let cause = later == nil ? error : later?.cause, isFailure(cause),
            !(cause is CancellationError && Task.isCancelled)
        else {
            circuit.ended(context)
            return error
        }
        func held(for delay: Duration) -> RetryLater {
            for message in all { context.excuseDelivery(of: message) }
            return RetryLater(after: delay, because: cause)
        }
        let (verdict, probeDelay) = circuit.failed(message, cause, context, isTakenCareOf: later != nil)
        switch verdict {
        case .outward: return error
        case .handBack: return later ?? HandedBack(reason: "the circuit is open")
        case .hold(let failures):
            guard context.canRetryLater else { return error }
            return held(for: holdFor.delay(after: failures, random: context.random))
        case .stepAside(let turns):
            guard context.canRetryLater else { return HandedBack(reason: "the circuit is open") }
            // A quarter more, so that it comes after the next probe has been chosen.
            return held(for: max(probeDelay * turns + probeDelay / 4, later?.delay ?? .zero))
        }
    }

    func validate(for handler: String) throws {
        let subject = "handler '\(handler)': CircuitBreaker"
        func require(_ holds: Bool, _ name: String, _ value: some Sendable, _ bound: String) throws {
            guard holds else { throw MillraceError.invalidOption(name, value, bound: bound, of: subject) }
        }
        try require(window >= .milliseconds(10), "window", window, "at least 10 milliseconds")
        try require(minimumCount >= 2, "minimumCount", minimumCount, "at least 2, as one message alone can't tell")
        try require(failureShare > 0 && failureShare <= 1, "failureShare", failureShare, "more than 0 and at most 1")
        try require(openFor.first >= .milliseconds(1), "openFor.first", openFor.first, "at least 1 millisecond")
        try require(probes >= 1, "probes", probes, "at least 1")
        try require(patience >= 1, "patience", patience, "at least 1")
        try openFor.validate(for: "\(subject): openFor")
        try holdFor.validate(for: "\(subject): holdFor")
    }
}

extension CircuitBreaker: ConfigurableMiddleware {
    /// Takes `window`, `minimum-count`, `failure-share`, `open-for`, `hold-for`, `probes` and `patience`.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        window = try section.takeDuration("window", atLeast: .milliseconds(10)) ?? window
        minimumCount = try section.takeNumber("minimum-count", in: 2...Int.max) ?? minimumCount
        failureShare = try section.takeFraction("failure-share", in: Double.leastNonzeroMagnitude...1) ?? failureShare
        openFor = try section.takeBackoff("open-for", over: openFor) ?? openFor
        holdFor = try section.takeBackoff("hold-for", over: holdFor) ?? holdFor
        probes = try section.takeNumber("probes") ?? probes
        patience = try section.takeNumber("patience") ?? patience
    }
}
