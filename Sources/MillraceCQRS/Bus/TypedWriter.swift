import Millrace

/// Makes messages of values, and knows where they go.
struct TypedWriter: Sendable {
    let topics: TopicScheme
    let codecs: any CodecFamily
    let hooks: CQRSHooks

    /// The message of a command or an event, after the hook for it. Throws what the codec and the hook throw.
    func message<Value: TypedMessage>(
        for value: Value, key: String? = nil, metadata: Metadata = .init()
    ) async throws -> (message: Message, topic: String) {
        var metadata = metadata
        metadata[MetadataKey.messageName] = Value.messageName
        if Value.messageVersion != 1 { metadata[MetadataKey.messageVersion] = "\(Value.messageVersion)" }
        var message = try Message.carrying(value, by: codecs, key: key ?? value.messageKey, metadata: metadata)
        if let command = value as? any DomainCommand {
            if let hook = hooks.onSend { try await hook(&message, command) }
        } else if let hook = hooks.onPublish, let event = value as? any DomainEvent {
            try await hook(&message, event)
        }
        return (message, topics.topic(of: Value.self))
    }
}
