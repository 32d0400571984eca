/// Carries traces through the service, by W3C Trace Context, and records spans if there is somewhere to export them.
///
/// For each message a span `process <topic>` of kind consumer is recorded, as a child of the span that the message carries
/// in `traceparent` and linked to it. For each output a span `create <topic>` of kind producer is recorded, and its identity
/// put into the output's `traceparent`. Names and attributes follow the OpenTelemetry semantic conventions for messaging
/// (version 1.40). Without an exporter nothing is recorded, and `traceparent` and `tracestate` are passed on as they came.
///
/// `context.trace` is the current span: make it the parent of what a handler does elsewhere.
public struct Tracing: StagedMiddleware {
    private let exporter: (any SpanExporter)?
    private let ids: RandomSource

    /// Tracing.
    ///
    /// - Parameters:
    ///   - exporter: Where spans go; nil, the default, for passing contexts on only.
    ///   - ids: Where new trace and span ids come from.
    public init(exportingTo exporter: (any SpanExporter)? = nil, ids: RandomSource = RandomSource()) {
        self.exporter = exporter
        self.ids = ids
    }

    /// Starts the span of the message.
    public func begin(_ message: Message, _ context: HandlerContext) {
        let parent =
            message.metadata.isEmpty
            ? nil
            : TraceContext(
                traceParent: message.metadata[MetadataKey.traceParent], state: message.metadata[MetadataKey.traceState])
        guard exporter != nil else {
            context.trace = parent
            return
        }
        let trace = parent?.child(ids) ?? TraceContext.root(ids)
        context.trace = trace
        // Not sampled means: pass the context on, record nothing.
        guard trace.isSampled else { return }
        context.span = Span(
            name: "process \(context.topic)", kind: .consumer, context: trace, parent: parent,
            start: context.clock.unixMilliseconds, attributes: attributes(message, context))
    }

    /// Gives each output a span of its own and ends the span of the message.
    public func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) {
        guard let trace = context.trace else { return }
        outputs.update { output, topic in
            guard output.metadata[MetadataKey.traceParent] == nil else { return }
            let created = exporter == nil ? trace : create(&output, topic ?? context.outputTopic, trace, context)
            output.metadata[MetadataKey.traceParent] = created.traceParent
            output.metadata[MetadataKey.traceState] = created.state
        }
        end(context, error: nil)
    }

    /// Ends the span of the message with the error.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: Next
    ) async throws -> Outputs {
        end(context, error: error)
        throw error
    }

    private func create(
        _ output: inout Message, _ topic: String?, _ trace: TraceContext, _ context: HandlerContext
    ) -> TraceContext {
        let created = trace.child(ids)
        guard created.isSampled, let topic else { return created }
        let now = context.clock.unixMilliseconds
        var span = Span(
            name: "create \(topic)", kind: .producer, context: created, parent: trace, start: now,
            attributes: [
                ("messaging.system", context.system), ("messaging.operation.name", "create"),
                ("messaging.operation.type", "create"), ("messaging.destination.name", topic),
                ("messaging.message.id", "\(output.id)"), ("messaging.message.body.size", "\(output.payload.count)"),
            ])
        span.end = now
        span.links = []
        exporter?.export(span)
        return created
    }

    private func end(_ context: HandlerContext, error: (any Error)?) {
        guard var span = context.span else { return }
        context.span = nil
        span.end = context.clock.unixMilliseconds
        if let error {
            span.error = "\(error)"
            span.attributes.append(("error.type", "\(type(of: error))"))
        }
        exporter?.export(span)
    }

    private func attributes(_ message: Message, _ context: HandlerContext) -> [(String, String)] {
        var attributes = [
            ("messaging.system", context.system), ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"), ("messaging.destination.name", context.topic),
            ("messaging.message.id", "\(message.id)"), ("messaging.message.body.size", "\(message.payload.count)"),
            ("millrace.handler", context.handler), ("millrace.attempt", "\(context.attempt)"),
        ]
        if let group = context.group { attributes.append(("messaging.consumer.group.name", group)) }
        return attributes
    }
}
