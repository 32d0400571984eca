/// A subscription that can acknowledge deliveries in one step with publishing what was made of them: both happen, or neither. So
/// a pipeline within a broker is exactly-once: nothing of what it makes is there twice, or is missing.
///
/// Transports that declare `Capabilities.transactions` return one when ``SubscriptionOptions/transactional`` is set. The router
/// uses it for handlers with ``HandlerOptions/transactional``.
public protocol TransactionalSubscription: Subscription {
    /// Publishes messages and acknowledges deliveries in one transaction, and returns when it is committed.
    ///
    /// Throws a ``MillraceError`` when it is not: nothing that was published in it is seen, and the deliveries are still
    /// unsettled. Not cancelled with the task, since nobody would know what came of it; the transport bounds the time it takes.
    func commit(_ outputs: [TopicMessages], acknowledging tokens: [DeliveryToken]) async throws
}

/// Messages for a topic.
public struct TopicMessages: Sendable {
    /// Where they go.
    public var topic: String
    /// In the order in which they are published.
    public var messages: [Message]

    /// Messages for a topic.
    public init(_ messages: [Message], to topic: String) {
        self.topic = topic
        self.messages = messages
    }
}
