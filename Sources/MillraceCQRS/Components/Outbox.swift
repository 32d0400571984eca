public import Millrace

/// Takes messages for any topic into one topic of a transport that is at hand, from where a ``Forwarder`` brings them to the transport
/// they are meant for: in a file that the application writes to anyway, for example, while the broker is away.
///
/// ```swift
/// let outbox = Outbox("outbox", on: file)
/// try await outbox.publish(Message(text: "paid"), to: "orders")
/// ```
///
/// Messages keep their ids, keys, metadata and payloads. With `SQLiteTransport`, ``envelope(_:to:)->Message`` is for messages that are to be
/// there if a transaction is committed, and not otherwise:
///
/// ```swift
/// try SQLiteTransaction.immediate(on: database) { transaction in
///     try insert(order, into: database)
///     try file.publish(outbox.envelope(placed, to: "orders"), to: outbox.topic, in: transaction)
/// }
/// ```
public final class Outbox: Publisher {
    /// The topic that messages wait in.
    public let topic: String
    private let broker: any Transport
    private let group: String?
    private let isPrepared = Lock(false)

    /// An outbox.
    ///
    /// - Parameters:
    ///   - topic: The topic that messages wait in.
    ///   - broker: Its transport, which is not closed.
    ///   - group: The consumer group of the forwarder, its name if its options do not say otherwise. It is made before the first message,
    ///     for transports that keep nothing for a group that is not there yet, as RabbitMQ. Defaults to nil: no group is made.
    public init(_ topic: String, on broker: any Transport, group: String? = nil) {
        self.topic = topic
        self.broker = broker
        self.group = group
    }

    /// Puts messages into the outbox, and returns when they are safe there. See `Publisher`.
    ///
    /// Throws what the transport throws; also a `MillraceError` of code `invalidMessage`, and takes none, when one of the messages
    /// comes from an outbox and was not taken out.
    public func publish(_ messages: [Message], to topic: String) async throws {
        let envelopes = try envelope(messages, to: topic)
        try await prepare()
        try await broker.publish(envelopes, to: self.topic)
    }

    private func prepare() async throws {
        guard let group, !isPrepared.withLock({ $0 }) else { return }
        try await broker.prepare(topic: topic, group: group)
        isPrepared.withLock { $0 = true }
    }

    /// The message as it lies in the outbox: with the topic that it is to go to.
    ///
    /// Throws a `MillraceError`: `invalidTopic`, `invalidMessage`.
    public func envelope(_ message: Message, to topic: String) throws -> Message { try Envelope.wrap(message, to: topic) }

    /// The messages as they lie in the outbox. See ``envelope(_:to:)-(Message,_)``.
    public func envelope(_ messages: [Message], to topic: String) throws -> [Message] {
        try messages.map { try envelope($0, to: topic) }
    }
}

extension Outbox: DelayedPublisher {
    /// Puts messages into the outbox once a delay has passed, by its transport, which has to be a `DelayedPublisher`: in a file of
    /// SQLite the delay outlives the process. So messages can leave later on any transport.
    ///
    /// Throws a `MillraceError` of code `unsupported` when the transport publishes nothing later; for the rest see
    /// `publish(_:to:)`.
    public func publish(_ messages: [Message], to topic: String, after delay: Duration) async throws {
        guard let later = broker as? any DelayedPublisher else {
            throw MillraceError(
                .unsupported,
                "outbox '\(self.topic)': on is a transport of \(broker.system), it must be a DelayedPublisher to publish something "
                    + "later: an outbox in a file of SQLite is one, from where a Forwarder brings messages to their transport",
                isRetriable: false)
        }
        let envelopes = try envelope(messages, to: topic)
        try await prepare()
        try await later.publish(envelopes, to: self.topic, after: delay)
    }
}
