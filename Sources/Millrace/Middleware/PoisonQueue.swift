/// Publishes messages that failed for good to a topic of their own, and has the originals acknowledged.
///
/// Id, key, payload and metadata stay as they are; a ``DeadLetter`` record is added. Put it outside of `Retry`, so that it
/// sees the last failure and not the first. ``Replay`` brings the messages back.
///
/// If the poison topic does not accept the message, the failure goes on outward, and the message is tried again later.
public struct PoisonQueue: StagedMiddleware {
    private(set) var topic: DeadLetterTopic
    private let filter: @Sendable (any Error) -> Bool

    /// A poison queue.
    ///
    /// - Parameters:
    ///   - topic: The topic for messages that failed.
    ///   - publisher: Where that topic is; any transport will do.
    ///   - filter: Says which errors poison a message; others go on outward. Defaults to all.
    public init(
        _ topic: String, on publisher: any Publisher,
        where filter: @escaping @Sendable (any Error) -> Bool = { _ in true }
    ) {
        self.topic = DeadLetterTopic(topic: topic, publisher: publisher)
        self.filter = filter
    }

    /// None: it acts on errors only.
    public var stages: Stages { [] }

    /// Publishes the message to the poison topic and returns no outputs.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        guard takes(error) else { throw error }
        try await topic.send(message, error, context)
        return Outputs()
    }

    /// Whether an error poisons a message.
    func takes(_ error: any Error) -> Bool { !error.asksForAnotherDelivery && filter(error) }

    func validate(for handler: String) throws { try topic.validate(for: "handler '\(handler)': PoisonQueue") }
}

extension PoisonQueue: ConfigurableMiddleware {
    /// Takes `topic`, and `transport`: the name of the configuration's transport where that topic is.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        topic = DeadLetterTopic(
            topic: try section.takeText("topic") ?? topic.topic,
            publisher: try section.takeTransport("transport") ?? topic.publisher)
    }
}
