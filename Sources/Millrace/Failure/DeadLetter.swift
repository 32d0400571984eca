/// A message that was given up, with the record of why.
///
/// The record travels as metadata beside the message's own, under the keys of ``MetadataKey`` that begin with `poison`; four of
/// them are Watermill's. Id, key, payload and all other metadata are those of the message that failed.
public struct DeadLetter: Sendable {
    /// The message as it was before it failed.
    public let message: Message
    /// What went wrong: the error's text, at most 4,096 bytes of it.
    public let reason: String
    /// The type of the error; nil if another system gave it up.
    public let errorType: String?
    /// The topic on which it failed.
    public let topic: String
    /// The handler that failed.
    public let handler: String
    /// The consumer group in which it failed; nil if it had none.
    public let group: String?
    /// The kind of transport that it came from.
    public let transport: String
    /// How often it was tried; nil if another system gave it up.
    public let attempts: Int?
    /// When it first failed, in milliseconds since 1970; nil if another system gave it up.
    public let firstFailedAt: Int64?
    /// When it last failed, in milliseconds since 1970; nil if another system gave it up.
    public let lastFailedAt: Int64?
    /// How often it was brought back by `Replay` before this failure.
    public let replays: Int

    /// The record of a failure.
    init(_ message: Message, _ error: any Error, _ context: HandlerContext) {
        let now = context.clock.unixMilliseconds
        self.message = message
        reason = Self.shortened("\(error)")
        errorType = ErrorName.of(error)
        topic = context.topic
        handler = context.handler
        group = context.group
        transport = context.system
        attempts = context.attempt
        firstFailedAt = context.firstFailedAt ?? now
        lastFailedAt = now
        replays = Self.replays(of: message)
    }

    /// The record of a message that a transport's subscriber has rejected.
    package init(
        rejected message: Message, reason: String, topic: String, group: String?, transport: String, attempts: Int,
        at now: Int64
    ) {
        self.message = message
        self.reason = Self.shortened(reason)
        self.topic = topic
        self.group = group
        self.transport = transport
        self.attempts = attempts
        errorType = nil
        handler = ""
        firstFailedAt = nil
        lastFailedAt = now
        replays = Self.replays(of: message)
    }

    /// Reads the record of a message from a poison topic, also of one that Watermill gave up. Nil when it has none: when the
    /// topic on which it failed is not stated.
    public init?(_ letter: Message) {
        let metadata = letter.metadata
        guard let topic = metadata[MetadataKey.poisonTopic] else { return nil }
        self.topic = topic
        reason = metadata[MetadataKey.poisonReason] ?? ""
        errorType = metadata[MetadataKey.poisonErrorType]
        handler = metadata[MetadataKey.poisonHandler] ?? ""
        group = metadata[MetadataKey.poisonGroup]
        transport = metadata[MetadataKey.poisonSubscriber] ?? ""
        attempts = metadata[MetadataKey.poisonAttempts].flatMap { Int($0) }
        firstFailedAt = metadata[MetadataKey.poisonFirstFailedAt].flatMap { Int64($0) }
        lastFailedAt = metadata[MetadataKey.poisonLastFailedAt].flatMap { Int64($0) }
        replays = Self.replays(of: letter)
        var message = letter
        for key in Self.keys { message.metadata[key] = nil }
        self.message = message
    }

    /// The message with the record, as it is published to a poison topic.
    public var letter: Message {
        var letter = message
        letter.metadata[MetadataKey.poisonReason] = reason
        letter.metadata[MetadataKey.poisonTopic] = topic
        letter.metadata[MetadataKey.poisonHandler] = handler.isEmpty ? nil : handler
        letter.metadata[MetadataKey.poisonSubscriber] = transport
        letter.metadata[MetadataKey.poisonErrorType] = errorType
        letter.metadata[MetadataKey.poisonAttempts] = attempts.map { "\($0)" }
        letter.metadata[MetadataKey.poisonGroup] = group
        letter.metadata[MetadataKey.poisonFirstFailedAt] = firstFailedAt.map { "\($0)" }
        letter.metadata[MetadataKey.poisonLastFailedAt] = lastFailedAt.map { "\($0)" }
        return letter
    }

    private static let keys = [
        MetadataKey.poisonReason, MetadataKey.poisonTopic, MetadataKey.poisonHandler, MetadataKey.poisonSubscriber,
        MetadataKey.poisonErrorType, MetadataKey.poisonAttempts, MetadataKey.poisonGroup,
        MetadataKey.poisonFirstFailedAt, MetadataKey.poisonLastFailedAt,
    ]

    private static func replays(of message: Message) -> Int { message.metadata[MetadataKey.replays].flatMap { Int($0) } ?? 0 }

    /// Brokers bound what fits into headers, so an error's text must not keep the message from its poison topic.
    private static func shortened(_ text: String) -> String {
        let limit = 4_096
        guard text.utf8.count > limit else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: limit - 3)
        while String.Index(end, within: text) == nil { end = text.utf8.index(before: end) }
        return text[..<end] + "..."
    }
}
