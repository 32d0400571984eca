/// Publishes messages that failed for good to a topic of their own, and has the originals acknowledged.
///
/// Id, key, payload and metadata stay as they are; keys are added for the reason, the type of error, the attempts, the
/// handler, the topic, the consumer group and the times of the first and the last failure (``MetadataKey``). Put it outside
/// of `Retry`, so that it sees the last failure and not the first.
///
/// If the poison topic does not accept the message, the failure goes on outward, and the message is tried again later.
public struct PoisonQueue: StagedMiddleware {
    private let topic: String
    private let publisher: any Publisher
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
        self.topic = topic
        self.publisher = publisher
        self.filter = filter
    }

    /// None: it acts on errors only.
    public var stages: Stages { [] }

    /// Publishes the message to the poison topic and returns no outputs.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: Next
    ) async throws -> Outputs {
        // One who is interrupted has not failed, and one who asks to see the message again will.
        guard !error.asksForAnotherDelivery, filter(error) else { throw error }
        do {
            try await publisher.publish(poisoned(message, error, context), to: topic)
        } catch let publishError {
            throw MillraceError(
                .publishFailed,
                "poison topic '\(topic)' did not accept message \(message.id), which failed with: \(error)",
                underlying: publishError, isRetriable: true)
        }
        context.observers.report(
            .error, .messagePoisoned(handler: context.handler, id: message.id, topic: topic, error: error))
        return Outputs()
    }

    private func poisoned(_ message: Message, _ error: any Error, _ context: HandlerContext) -> Message {
        var message = message
        let now = context.clock.unixMilliseconds
        message.metadata[MetadataKey.poisonReason] = "\(error)"
        message.metadata[MetadataKey.poisonTopic] = context.topic
        message.metadata[MetadataKey.poisonHandler] = context.handler
        message.metadata[MetadataKey.poisonSubscriber] = context.system
        message.metadata[MetadataKey.poisonErrorType] = "\(type(of: error))"
        message.metadata[MetadataKey.poisonAttempts] = "\(context.attempt)"
        message.metadata[MetadataKey.poisonGroup] = context.group
        message.metadata[MetadataKey.poisonFirstFailedAt] = "\(context.firstFailedAt ?? now)"
        message.metadata[MetadataKey.poisonLastFailedAt] = "\(now)"
        return message
    }

    func validate(for handler: String) throws {
        do {
            try Naming.checkTopic(topic)
        } catch let error as MillraceError {
            throw MillraceError(
                .invalidTopic, "handler '\(handler)': PoisonQueue: \(error.message)", isRetriable: false)
        }
    }
}
