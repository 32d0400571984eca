import Millrace

extension AMQPSubscription {
    /// The routing key, and the number by which the broker has delivered the message.
    func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)] {
        var attributes: [(String, SpanValue)] = [
            ("messaging.rabbitmq.message.delivery_tag", .int(Int(clamping: position.low)))
        ]
        // A pattern is no message's key.
        let key = message.metadata[AMQPMetadata.receivedRoutingKey] ?? (consumer.isPattern ? "" : usualRoutingKey)
        if !key.isEmpty { attributes.append(("messaging.rabbitmq.destination.routing_key", .string(key))) }
        guard consumer.isPattern else { return attributes }
        return attributes + MessagingAttributes.destination(message.metadata[MetadataKey.topic], outOf: topic)
    }
}
