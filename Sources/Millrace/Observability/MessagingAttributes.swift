/// What is said of messages in spans, by the OpenTelemetry semantic conventions for messaging, whoever records the spans.
package enum MessagingAttributes {
    /// A message that is being handled.
    package static func process(_ message: Message, _ context: HandlerContext) -> [(String, SpanValue)] {
        var attributes: [(String, SpanValue)] = [
            ("messaging.system", .string(context.system)), ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"), ("messaging.destination.name", .string(context.topic)),
            ("messaging.message.id", "\(message.id)"), ("messaging.message.body.size", .int(message.payload.count)),
            ("millrace.handler", .string(context.handler)), ("millrace.attempt", .int(context.attempt)),
        ]
        if let group = context.group { attributes.append(("messaging.consumer.group.name", .string(group))) }
        attributes += conversation(message)
        for attribute in context.spanAttributes(of: message) {
            // The transport knows better, where it has said something: a pattern stands for several topics.
            if let index = attributes.firstIndex(where: { $0.0 == attribute.0 }) {
                attributes[index] = attribute
            } else {
                attributes.append(attribute)
            }
        }
        return attributes
    }

    /// Messages that are handled together.
    package static func process(batchOf count: Int, _ context: HandlerContext) -> [(String, SpanValue)] {
        var attributes: [(String, SpanValue)] = [
            ("messaging.system", .string(context.system)), ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"), ("messaging.destination.name", .string(context.topic)),
            ("messaging.batch.message_count", .int(count)), ("millrace.handler", .string(context.handler)),
        ]
        if let group = context.group { attributes.append(("messaging.consumer.group.name", .string(group))) }
        return attributes
    }

    /// A message that a handler has made.
    package static func create(_ output: Message, for topic: String, _ context: HandlerContext) -> [(String, SpanValue)] {
        [
            ("messaging.system", .string(context.system)), ("messaging.operation.name", "create"),
            ("messaging.operation.type", "create"), ("messaging.destination.name", .string(topic)),
            ("messaging.message.id", "\(output.id)"), ("messaging.message.body.size", .int(output.payload.count)),
            ("millrace.handler", .string(context.handler)),
        ] + conversation(output)
    }

    /// Which of the topics that a subscription reads a message lay in. None for the one that `pattern` is.
    package static func destination(_ topic: String?, outOf pattern: String) -> [(String, SpanValue)] {
        guard let topic, topic != pattern else { return [] }
        return [("messaging.destination.name", .string(topic)), ("messaging.destination.template", .string(pattern))]
    }

    private static func conversation(_ message: Message) -> [(String, SpanValue)] {
        guard let id = message.metadata[MetadataKey.correlationID] else { return [] }
        return [("messaging.message.conversation_id", .string(id))]
    }
}
