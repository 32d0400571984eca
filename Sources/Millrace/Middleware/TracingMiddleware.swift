/// Carries traces through the service, by W3C Trace Context, and records spans if there is somewhere to export them.
///
/// For each message a span `process <topic>` of kind consumer is recorded, as a child of the span that the message carries
/// in `traceparent` and linked to it, so that a pipeline is one trace. For each output a span `create <topic>` of kind producer
/// is recorded, and its identity put into the output's `traceparent`, unless the handler has done so. Names and attributes
/// follow the OpenTelemetry semantic conventions for messaging (version 1.44), which ask for the link, and leave it to us
/// whether it is the parent as well. Without an exporter nothing is recorded, and `traceparent` and `tracestate` are passed on as they came.
///
/// `context.trace` is the current span: make it the parent of what a handler does elsewhere.
public struct TracingMiddleware: StagedMiddleware {
    let exporter: (any SpanExporter)?
    let ids: RandomSource
    let continuesTraces: Bool

    /// A middleware that traces.
    ///
    /// - Parameters:
    ///   - exporter: Where spans go; nil, the default, for passing contexts on only.
    ///   - continuesTraces: Whether a message's span is a child of the span that the message carries. Defaults to true. Without
    ///     it each message begins a trace of its own, with a link to the other one. Without an exporter traces always go on.
    ///   - ids: Where new trace and span ids come from.
    public init(
        exportingTo exporter: (any SpanExporter)? = nil, continuesTraces: Bool = true, ids: RandomSource = RandomSource()
    ) {
        self.exporter = exporter
        self.continuesTraces = continuesTraces
        self.ids = ids
    }

    /// Starts the span of the message.
    public func begin(_ message: Message, _ context: HandlerContext) {
        let origin = origin(of: message)
        guard exporter != nil else {
            context.trace = origin
            return
        }
        let parent = continuesTraces ? origin : nil
        let trace = parent?.child(ids) ?? .root(ids, flags: origin?.flags ?? 1)
        context.trace = trace
        // Not sampled means: pass the context on, record nothing.
        guard trace.isSampled else { return }
        // In this order, so that no output seems to be made after the span has ended.
        let begunAt = context.clock.now
        let span = SpanData(
            name: "process \(context.topic)", kind: .consumer, context: trace, parent: parent,
            start: context.clock.unixNanoseconds, attributes: MessagingAttributes.process(message, context),
            links: origin.map { [$0] } ?? [])
        context.note { notes in
            notes.span = span
            notes.spanBegunAt = begunAt
        }
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
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        end(context, error: error)
        throw error
    }

    private func create(
        _ output: inout Message, _ topic: String?, _ trace: TraceContext, _ context: HandlerContext
    ) -> TraceContext {
        let created = trace.child(ids)
        guard created.isSampled, let topic else { return created }
        let span = SpanData(
            name: "create \(topic)", kind: .producer, context: created, parent: trace, start: context.clock.unixNanoseconds,
            attributes: MessagingAttributes.create(output, for: topic, context))
        exporter?.export(span)
        return created
    }

    /// The span that a message carries.
    func origin(of message: Message) -> TraceContext? {
        guard !message.metadata.isEmpty else { return nil }
        return TraceContext(
            traceParent: message.metadata[MetadataKey.traceParent], state: message.metadata[MetadataKey.traceState])
    }

    private func end(_ context: HandlerContext, error: (any Error)?) {
        guard context.hasNotes, case (var span?, let begunAt) = context.take({ ($0.span.take(), $0.spanBegunAt) }) else { return }
        end(&span, begunAt, context, error: error, exporter)
    }

    func end(
        _ span: inout SpanData, _ begunAt: ClockInstant, _ context: HandlerContext, error: (any Error)?,
        _ exporter: (any SpanExporter)?
    ) {
        // By the clock that does not jump.
        span.end = span.start &+ begunAt.duration(to: context.clock.now).nanosecondsClamped
        if let error {
            span.status = .error("\(error)")
            span.attributes.append(("error.type", .string(ErrorName.of(error))))
        }
        exporter?.export(span)
    }
}
