/// Lets messages fail, and take their time, at random: for tests of what a service does then.
///
/// With a seed, the same order of messages meets the same fate.
public struct RandomFail: Middleware {
    /// On which side of the handler something goes wrong.
    public enum Place: String, Sendable, Codable, CaseIterable {
        /// The handler is not called.
        case beforeHandler
        /// The handler has done its work, and its outputs are dropped.
        case afterHandler
    }

    /// What is thrown unless told otherwise.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// A failure.
        public init() {}
        /// What it is.
        public var description: String { "a failure at random" }
    }

    private var probability: Double
    private var delayProbability: Double
    private var delay: ClosedRange<Duration>
    private let place: Place
    private let random: RandomSource
    private let error: @Sendable (Message) -> any Error

    /// Failures and delays.
    ///
    /// - Parameters:
    ///   - probability: How likely an error is, 0 to 1. Defaults to 0.
    ///   - delayProbability: How likely a delay is, 0 to 1. Defaults to 0. Drawn apart from the error: a message can have both,
    ///     the delay first.
    ///   - delay: How long a delay takes, drawn evenly. Defaults to 10 to 100 milliseconds. It ends with the task.
    ///   - place: Defaults to ``Place/beforeHandler``.
    ///   - random: Where chance comes from. Defaults to a source seeded by the system.
    ///   - error: Makes the error. Defaults to ``Failure``.
    public init(
        probability: Double = 0, delayProbability: Double = 0,
        delay: ClosedRange<Duration> = .milliseconds(10)...Duration.milliseconds(100), at place: Place = .beforeHandler,
        random: RandomSource = RandomSource(), error: @escaping @Sendable (Message) -> any Error = { _ in Failure() }
    ) {
        self.probability = probability
        self.delayProbability = delayProbability
        self.delay = delay
        self.place = place
        self.random = random
        self.error = error
    }

    /// Failures and delays that follow from `seed` alone. For the other parameters see
    /// ``init(probability:delayProbability:delay:at:random:error:)``.
    public init(
        probability: Double = 0, delayProbability: Double = 0,
        delay: ClosedRange<Duration> = .milliseconds(10)...Duration.milliseconds(100), at place: Place = .beforeHandler,
        seed: UInt64, error: @escaping @Sendable (Message) -> any Error = { _ in Failure() }
    ) {
        self.init(
            probability: probability, delayProbability: delayProbability, delay: delay, at: place,
            random: RandomSource(seed: seed), error: error)
    }

    /// Draws, and handles the message unless it was bad luck.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        if place == .beforeHandler { try await misfortune(message, context) }
        let outputs = try await next(message, context)
        if place == .afterHandler { try await misfortune(message, context) }
        return outputs
    }

    private func misfortune(_ message: Message, _ context: HandlerContext) async throws {
        // Both are drawn for each message, so that what is drawn for one does not depend on the other's probability.
        let fails = random.unit() < probability
        if random.unit() < delayProbability {
            let extra = random.duration(upTo: delay.upperBound - delay.lowerBound)
            try await context.clock.sleep(for: delay.lowerBound + extra)
        }
        if fails { throw error(message) }
    }

    func validate(for handler: String) throws {
        let subject = "handler '\(handler)': RandomFail"
        guard probability >= 0, probability <= 1 else {
            throw MillraceError.invalidOption("probability", probability, bound: "0 to 1", of: subject)
        }
        guard delayProbability >= 0, delayProbability <= 1 else {
            throw MillraceError.invalidOption("delayProbability", delayProbability, bound: "0 to 1", of: subject)
        }
        guard delay.lowerBound >= .zero else {
            throw MillraceError.invalidOption("delay", delay.lowerBound, bound: "at least 0", of: subject)
        }
    }
}

extension RandomFail: ConfigurableMiddleware {
    /// Takes `probability`, `delay-probability`, and `delay`: an object with `from` and `up-to`.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        probability = try section.takeFraction("probability", in: 0...1) ?? probability
        delayProbability = try section.takeFraction("delay-probability", in: 0...1) ?? delayProbability
        let given = delay
        delay =
            try section.takeSection("delay") { section in
                let from = try section.takeDuration("from", atLeast: .zero) ?? given.lowerBound
                // Without an upper bound of its own, one that is above what was given moves with it.
                let end = try section.takeDuration("up-to", atLeast: from) ?? max(from, given.upperBound)
                return from...end
            } ?? given
    }
}
