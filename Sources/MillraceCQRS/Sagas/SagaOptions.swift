public import Millrace

/// How a saga is run.
public struct SagaOptions: Sendable {
    /// What becomes of a message that a saga goes on with when there is no such saga.
    public struct MissingSaga: Sendable {
        enum Kind: Sendable {
            case skip
            case reject
            case retryLater(Duration, attempts: Int)
        }

        let kind: Kind

        /// The message is acknowledged, counted in ``CQRSStatistics/missedSagaMessages``, and reported at level `debug`.
        public static let skip = MissingSaga(kind: .skip)

        /// The message is given up, with an error of code `unknownSaga`: a `PoisonQueue` takes it, or else it goes to the
        /// transport's dead letters.
        public static let reject = MissingSaga(kind: .reject)

        /// The message comes back later, since what starts the saga may be on its way on another topic; in the end it is given up.
        ///
        /// - Parameters:
        ///   - delay: How much later; at least 0.
        ///   - attempts: At which attempt it is given up; at least 1.
        public static func retryLater(after delay: Duration, attempts: Int) -> MissingSaga {
            MissingSaga(kind: .retryLater(delay, attempts: attempts))
        }
    }

    /// Concurrency, order, middleware and the like. Not `transactional`. The consumer group is the saga's name unless it says another.
    public var handler: HandlerOptions
    /// What becomes of messages without a saga. Defaults to coming back after 1 second, 10 attempts at most.
    public var missing: MissingSaga
    /// How many messages a saga remembers, so that one that comes twice is handled once. Those that have made something that may not have left
    /// yet are remembered anyway. Defaults to 100; at least 1.
    public var remembering: Int
    /// For how long a saga that has ended is remembered, so that its messages do not start it again. Defaults to 1 day; at least 1
    /// millisecond.
    public var retention: Duration
    /// How often a step is run again in place when somebody else has changed the saga meanwhile. Defaults to 10; at least 0. After that the
    /// message has failed.
    public var maximumConflicts: Int

    /// Options with the given values.
    public init(
        handler: HandlerOptions = .init(), missing: MissingSaga = .retryLater(after: .seconds(1), attempts: 10),
        remembering: Int = 100, retention: Duration = .seconds(86_400), maximumConflicts: Int = 10
    ) {
        self.handler = handler
        self.missing = missing
        self.remembering = remembering
        self.retention = retention
        self.maximumConflicts = maximumConflicts
    }

    /// Throws a `MillraceError` of code `invalidOption` that names the saga, the field, its value and its bound.
    func validate(of saga: String) throws {
        let subject = "saga '\(saga)'"
        func check(_ condition: Bool, _ name: String, _ value: some Sendable, _ bound: String) throws {
            guard condition else { throw MillraceError.invalidOption(name, value, bound: bound, of: subject) }
        }
        try check(!handler.transactional, "transactional", true, "false, as its state is kept elsewhere")
        try check(handler.group != .none, "group", handler.group, "a group, or each process would run the saga")
        try check(remembering >= 1, "remembering", remembering, "at least 1")
        try check(retention >= .milliseconds(1), "retention", retention, "at least 1 millisecond")
        try check(maximumConflicts >= 0, "maximumConflicts", maximumConflicts, "at least 0")
        if case .retryLater(let delay, let attempts) = missing.kind {
            try check(delay >= .zero, "missing: delay", delay, "at least 0")
            try check(attempts >= 1, "missing: attempts", attempts, "at least 1")
        }
    }
}
