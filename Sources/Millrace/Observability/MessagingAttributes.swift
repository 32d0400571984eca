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
        ]
    }
}
