/// Publishes messages at a later time.
///
/// No broker takes messages for later in the same way, so it is not a part of ``Publisher``. Reminders, timeouts of sagas and the like
/// are published through it.
public protocol DelayedPublisher: Sendable {
    /// Keeps messages and returns when they are safe; each is published to the topic once `delay` has passed, and not before.
    ///
    /// Messages of one call keep their order among each other. A delay of zero or less publishes as soon as possible.
    ///
    /// Throws a ``MillraceError``: `invalidTopic`, `invalidMessage`, `closed`, `publishFailed`, ... Cancelling the task ends the
    /// wait; the messages may be published all the same.
    func publish(_ messages: [Message], to topic: String, after delay: Duration) async throws
}

extension DelayedPublisher {
    /// Publishes one message later. See ``publish(_:to:after:)-([Message],_,_)``.
    public func publish(_ message: Message, to topic: String, after delay: Duration) async throws {
        try await publish([message], to: topic, after: delay)
    }
}
