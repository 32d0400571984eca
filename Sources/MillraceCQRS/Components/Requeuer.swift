public import Millrace

/// Brings messages back from a poison topic all the time, each after a delay and so often at most. `Replay` does it once, for a
/// person who has looked.
///
/// ```swift
/// try router.register(
///     Requeuer("requeue-orders", from: "orders.poison", on: broker, maximum: 5, exhaustedTo: "orders.dead"))
/// ```
///
/// A message goes to the topic on which it failed, with its id and all else, for the consumer group in which it failed. While it waits, it stays
/// in the poison topic and holds up nobody.
public struct Requeuer: Sendable {
    let name: String
    let topic: String
    let broker: any Transport
    let delay: Backoff
    let maximum: Int
    let exhausted: String?
    let onlyFailedGroup: Bool
    let options: HandlerOptions

    /// A requeuer.
    ///
    /// - Parameters:
    ///   - name: Its name in the router, and its consumer group.
    ///   - topic: The poison topic.
    ///   - broker: The transport of the poison topic and of the topics that messages go back to.
    ///   - delay: How long a message waits there, by how often it was brought back before. Defaults to 10 seconds up to 10 minutes, doubling,
    ///     with full jitter.
    ///   - maximum: How often a message is brought back at most, by `Replay` as well. Defaults to 3; at least 1.
    ///   - exhausted: Where messages go that were brought back so often, and those that do not say where they failed. Defaults to
    ///     none: they are rejected.
    ///   - onlyFailedGroup: Whether a message comes back for the consumer group in which it failed alone. Defaults to true.
    ///     Consumers that are not routers of Millrace see it in any case.
    ///   - options: Concurrency, middleware and the like. Not with the poison queue of the same topic.
    public init(
        _ name: String, from topic: String, on broker: any Transport,
        after delay: Backoff = .exponential(from: .seconds(10), upTo: .seconds(600)), maximum: Int = 3,
        exhaustedTo exhausted: String? = nil, onlyFailedGroup: Bool = true, options: HandlerOptions = .init(concurrency: 16)
    ) {
        self.name = name
        self.topic = topic
        self.broker = broker
        self.delay = delay
        self.maximum = maximum
        self.exhausted = exhausted
        self.onlyFailedGroup = onlyFailedGroup
        self.options = options
    }

    /// Throws a `MillraceError` that names the requeuer, the field, its value and its bound.
    func validate() throws {
        let subject = "requeuer '\(name)'"
        guard maximum >= 1 else { throw MillraceError.invalidOption("maximum", maximum, bound: "at least 1", of: subject) }
        try delay.validate(for: subject)
        if let exhausted {
            try Naming.checkTopic(exhausted)
            guard exhausted != topic else {
                throw MillraceError.invalidOption("exhaustedTo", exhausted, bound: "another topic than it reads", of: subject)
            }
        }
        let needed: Capabilities = [.delayedRetry, .attemptCount]
        guard broker.capabilities.isSuperset(of: needed) else {
            throw MillraceError(
                .unsupported, "\(subject) needs a transport that can '\(needed)'; \(broker.system) can: \(broker.capabilities)",
                isRetriable: false)
        }
    }

    func handle(_ message: Message, _ context: HandlerContext) async throws -> Outputs {
        guard let letter = DeadLetter(message), letter.topic != topic, (try? Naming.checkTopic(letter.topic)) != nil else {
            return try giveUp(message, "it does not say where it failed")
        }
        guard letter.replays < maximum else { return try giveUp(message, "it was brought back \(letter.replays) times") }
        if context.deliveryAttempt == 1 {
            let wait = delay.delay(after: letter.replays + 1, random: context.random)
            if wait > .zero { throw RetryLater(after: wait) }
        }
        var message = letter.message
        message.metadata[MetadataKey.replays] = "\(letter.replays + 1)"
        message.metadata[MetadataKey.replayGroup] = onlyFailedGroup ? letter.group : nil
        context.observers.report(.info, .messageReplayed(id: message.id, topic: letter.topic, group: letter.group))
        return .to(letter.topic, message)
    }

    private func giveUp(_ message: Message, _ reason: String) throws -> Outputs {
        guard let exhausted else { throw Reject("message \(message.id) is not brought back: \(reason)") }
        return .to(exhausted, message)
    }
}

extension Router {
    /// Registers a requeuer; starts it when the router runs already.
    ///
    /// Throws a `MillraceError`: `invalidOption`, `unsupported` when the transport can't bring messages back later or does not count
    /// attempts, and what `Router.consume` throws.
    public func register(_ requeuer: Requeuer) throws {
        try requeuer.validate()
        try route(
            requeuer.name, from: requeuer.topic, on: requeuer.broker, publishingOn: requeuer.broker, options: requeuer.options,
            requeuer.handle)
    }
}
