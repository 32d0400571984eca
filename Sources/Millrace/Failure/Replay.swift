/// Brings messages back from a poison topic to the topics on which they failed.
///
/// ```swift
/// let report = try await Replay(from: "orders.poison", on: broker).run { letter in letter.errorType == "Unavailable" }
/// print("\(report.replayed) brought back, \(report.skipped) left")
/// ```
///
/// A run takes up what failed before it began. It ends when `limit` messages are brought back, or when nothing of that has
/// arrived for `idleTimeout`, though messages may go on failing. What it does not bring back stays in the poison topic: it is held until the run ends, and released then.
///
/// A message comes back for the consumer group in which it failed; the router acknowledges it unseen in other groups, so that
/// those who have handled it already do not handle it twice.
public struct Replay: Sendable {
    private let topic: String
    private let broker: any Subscriber
    private let publisher: any Publisher
    private let options: Options

    /// A replay on one transport.
    ///
    /// - Parameters:
    ///   - topic: The poison topic.
    ///   - broker: The transport of the poison topic and of the topics that messages go back to.
    ///   - options: How much, how fast, and for whom.
    public init(from topic: String, on broker: any Transport, _ options: Options = .init()) {
        self.init(from: topic, on: broker, to: broker, options)
    }

    /// A replay from one transport to another.
    public init(
        from topic: String, on broker: any Subscriber, to publisher: any Publisher, _ options: Options = .init()
    ) {
        self.topic = topic
        self.broker = broker
        self.publisher = publisher
        self.options = options
    }

    /// Brings messages back that `filter` says yes to; all, by default.
    ///
    /// Throws a ``MillraceError``: `invalidOption`; `unknownTopic` when the poison topic is not there, which is not made then; what
    /// subscribing throws; `closed` when the transport is closed meanwhile; and what publishing throws. The message that could not be
    /// published, and those that were left, stay in the poison topic. Cancelling the task throws `CancellationError`.
    /// A run that is cut off between publishing a message and acknowledging its letter leaves the letter in place, so that a
    /// later run may bring the message back once more.
    public func run(where filter: @Sendable (DeadLetter) -> Bool = { _ in true }) async throws -> Report {
        try options.validate()
        try await broker.requireTopic(topic)
        let subscription = try await broker.subscribe(
            to: topic, SubscriptionOptions(group: options.group, prefetch: options.window, lease: options.lease))
        let pass = ReplayPass(subscription, to: publisher, options)
        do {
            let report = try await pass.run(where: filter)
            try await subscription.flush()
            await subscription.close()
            return report
        } catch {
            // What was brought back is not to come back once more because of a failure after it.
            try? await subscription.flush()
            await subscription.close()
            throw Task.isCancelled ? CancellationError() : error
        }
    }
}

extension Replay {
    /// How much is brought back, how fast, and for whom.
    public struct Options: Sendable {
        /// The consumer group that reads the poison topic. Defaults to `millrace-replay`.
        public var group: String
        /// The most messages to bring back. Defaults to no limit; at least 1.
        public var limit: Int?
        /// How many messages to bring back in how long, evenly. Defaults to no limit.
        public var rate: (count: Int, interval: Duration)?
        /// How often a message is brought back at most, over all runs: a guard against messages that go round in circles.
        /// Defaults to 3; at least 1.
        public var maximumReplays: Int
        /// Whether a message comes back for the consumer group in which it failed alone. Defaults to true. Consumers that are
        /// not routers of Millrace see it in any case.
        public var onlyFailedGroup: Bool
        /// Whether to change nothing and to count only. Defaults to false.
        public var isDryRun: Bool
        /// How many messages a run may leave and hold. When there are more, it ends, and its report says that it is not
        /// complete. Defaults to 10,000; at least 1.
        public var window: Int
        /// How long nothing that failed before the run has to arrive for the run to end. Defaults to 3 seconds; more than 0.
        public var idleTimeout: Duration
        /// How long the transport waits for a run that has died before it hands its messages to another one. Defaults to 30
        /// seconds; at least 1 millisecond. The lease is renewed while the run lives.
        public var lease: Duration
        /// Who is told of what was brought back and what could not be. Defaults to warnings and errors on standard error.
        public var observers: Observers
        /// What rate and time-out are measured by.
        public var clock: any SchedulingClock

        /// Options with the given values.
        public init(
            group: String = "millrace-replay", limit: Int? = nil, rate: (count: Int, interval: Duration)? = nil,
            maximumReplays: Int = 3, onlyFailedGroup: Bool = true, isDryRun: Bool = false, window: Int = 10_000,
            idleTimeout: Duration = .seconds(3), lease: Duration = .seconds(30), observers: Observers = .standard,
            clock: any SchedulingClock = SystemClock.shared
        ) {
            self.group = group
            self.limit = limit
            self.rate = rate
            self.maximumReplays = maximumReplays
            self.onlyFailedGroup = onlyFailedGroup
            self.isDryRun = isDryRun
            self.window = window
            self.idleTimeout = idleTimeout
            self.lease = lease
            self.observers = observers
            self.clock = clock
        }

        func validate() throws {
            func check(_ name: String, _ value: Int?) throws {
                guard let value, value < 1 else { return }
                throw MillraceError.invalidOption(name, value, bound: "at least 1", of: "Replay")
            }
            try check("limit", limit)
            try check("rate.count", rate?.count)
            try check("maximumReplays", maximumReplays)
            try check("window", window)
            if let interval = rate?.interval, interval <= .zero {
                throw MillraceError.invalidOption("rate.interval", interval, bound: "more than 0", of: "Replay")
            }
            guard idleTimeout > .zero else {
                throw MillraceError.invalidOption("idleTimeout", idleTimeout, bound: "more than 0", of: "Replay")
            }
            guard lease >= .milliseconds(1) else {
                throw MillraceError.invalidOption("lease", lease, bound: "at least 1 millisecond", of: "Replay")
            }
        }
    }

    /// What a run did, or, if it was dry, would have done.
    public struct Report: Sendable, Hashable, Codable {
        /// How many messages were brought back.
        public internal(set) var replayed = 0
        /// How many went to which topic.
        public internal(set) var replayedTo: [String: Int] = [:]
        /// How many the filter said no to.
        public internal(set) var skipped = 0
        /// How many were left because they have been brought back `maximumReplays` times.
        public internal(set) var exhausted = 0
        /// How many were left because they have no record of a failure, or one that names no valid topic.
        public internal(set) var withoutRecord = 0
        /// How many were left because they failed after the run had begun.
        public internal(set) var failedSince = 0
        /// Whether the run saw the end of the topic; false when it ended because of `limit` or `window`.
        public internal(set) var isComplete = false

        /// How many messages were left in the poison topic.
        public var left: Int { skipped + exhausted + withoutRecord + failedSince }
    }
}
