import Millrace

/// A message on its way to a topic by way of another one: it stays as it is, and what is to become of it is metadata beside its own.
enum Envelope {
    /// What an envelope has beside the metadata of the message: one key alone would take away or change the message's key.
    private static let keys = [MetadataKey.destination, MetadataKey.destinationHasNoKey, MetadataKey.destinationKey]

    /// The message as it is published to the topic where it waits.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - topic: Where it is to go.
    ///   - lane: The key under which it waits; nil for its own. A message without a key waits under its id, so that it waits for
    ///     no other.
    /// - Throws: A `MillraceError` of code `invalidTopic`, and one of code `invalidMessage` when the message is such an envelope, or has
    ///   metadata of one.
    static func wrap(_ message: Message, to topic: String, lane: String? = nil) throws -> Message {
        try Naming.checkTopic(topic)
        try Naming.check(message)
        for key in keys {
            guard let other = message.metadata[key] else { continue }
            throw MillraceError(
                .invalidMessage,
                "message \(message.id): metadata '\(key)' is '\(other)', it must not be there: "
                    + "the message is on its way to another topic", isRetriable: false)
        }
        var envelope = message
        envelope.metadata[MetadataKey.destination] = topic
        if message.key == nil {
            envelope.metadata[MetadataKey.destinationHasNoKey] = "1"
            envelope.key = lane ?? message.id.description
        } else if let lane {
            envelope.metadata[MetadataKey.destinationKey] = message.key
            envelope.key = lane
        }
        return envelope
    }

    /// What was wrapped, and where it is to go; nil when nothing was.
    static func unwrap(_ envelope: Message) -> (message: Message, topic: String)? {
        guard let topic = envelope.metadata[MetadataKey.destination] else { return nil }
        var message = envelope
        if envelope.metadata[MetadataKey.destinationHasNoKey] != nil {
            message.key = nil
        } else if let key = envelope.metadata[MetadataKey.destinationKey] {
            message.key = key
        }
        for key in keys { message.metadata[key] = nil }
        return (message, topic)
    }
}
