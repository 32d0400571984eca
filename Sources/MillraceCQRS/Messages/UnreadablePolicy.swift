public import Millrace

/// What becomes of messages that no handler of theirs can read. None is acknowledged in silence: what is skipped is counted and
/// reported.
public struct UnreadablePolicy: Sendable {
    /// What is done.
    public struct Action: Sendable {
        enum Kind: Sendable {
            case reject
            case skip
            case deadLetter(DeadLetterTopic)
            case retryLater(Duration)
        }

        let kind: Kind

        /// The message is given up: a `PoisonQueue` takes it, or else it goes to the transport's dead letters.
        public static let reject = Action(kind: .reject)

        /// The message is acknowledged, counted in ``CQRSStatistics/skipped``, and reported at level `debug`.
        public static let skip = Action(kind: .skip)

        /// The message goes to a topic, with a `DeadLetter` record, and is acknowledged.
        public static func deadLetter(_ topic: String, on publisher: any Publisher) -> Action {
            Action(kind: .deadLetter(DeadLetterTopic(topic: topic, publisher: publisher)))
        }

        /// The message comes back after a delay: perhaps to a process that is newer. Others go on meanwhile.
        public static func retryLater(after delay: Duration) -> Action { Action(kind: .retryLater(delay)) }
    }

    /// For names that are not known here, and messages without one. A name that is known, because another handler of the same
    /// ``CQRS`` reads it or ``CQRS/declare(_:)`` has named it, is another handler's business, and passed over.
    public var unknownName: Action
    /// For versions that are newer than the type, and older ones without an ``Upcaster``.
    public var unknownVersion: Action
    /// For payloads that can't be read.
    public var undecodable: Action

    /// A policy; all that it does not say is rejected.
    public init(unknownName: Action = .reject, unknownVersion: Action = .reject, undecodable: Action = .reject) {
        self.unknownName = unknownName
        self.unknownVersion = unknownVersion
        self.undecodable = undecodable
    }

    /// Does what is to be done. Throws unless the message is to be acknowledged.
    func apply(
        to message: Message, _ unreadable: Unreadable, _ context: HandlerContext, _ statistics: StatisticsCounter
    ) async throws {
        switch action(for: unreadable.reason).kind {
        case .reject:
            statistics.add(1, to: \.rejected)
            throw Reject("\(unreadable.error)", because: unreadable.error)
        case .skip:
            statistics.add(1, to: \.skipped)
            context.observers.report(
                .debug,
                .log(
                    message: "a message was skipped", handler: context.handler,
                    fields: [("id", "\(message.id)"), ("reason", "\(unreadable.error)")]))
        case .deadLetter(let topic):
            try await topic.send(message, unreadable.error, context)
            statistics.add(1, to: \.deadLettered)
        case .retryLater(let delay):
            guard context.canRetryLater else { throw Reject("\(unreadable.error)", because: unreadable.error) }
            statistics.add(1, to: \.postponed)
            throw RetryLater(after: delay, because: unreadable.error)
        }
    }

    /// Throws a `MillraceError` that names the field.
    func validate() throws {
        for (name, action) in [
            ("unknownName", unknownName), ("unknownVersion", unknownVersion), ("undecodable", undecodable),
        ] {
            switch action.kind {
            case .deadLetter(let topic): try topic.validate(for: "CQRS: UnreadablePolicy: \(name)")
            case .retryLater(let delay) where delay < .zero:
                throw MillraceError.invalidOption(name, delay, bound: "at least 0", of: "CQRS: UnreadablePolicy")
            default: break
            }
        }
    }

    private func action(for reason: Unreadable.Reason) -> Action {
        switch reason {
        case .name: unknownName
        case .version: unknownVersion
        case .payload: undecodable
        }
    }
}
