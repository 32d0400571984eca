#if SwiftDistributedTracing
public import Millrace
public import Tracing

/// Records spans with the bootstrapped tracer of swift-distributed-tracing, and carries traces through the service.
///
/// ```swift
/// InstrumentationSystem.bootstrap(tracer)
/// let router = Router {
///     SwiftTracingMiddleware()
///     Retry()
/// }
/// ```
///
/// For each message a span `process <topic>` of kind consumer is recorded. The context that the message carries is its parent, and
/// linked to it. While the message is handled, `ServiceContext.current` is the span's, so that what the handler does elsewhere, with an
/// HTTP client for one, is recorded as its child. For each output a span `create <topic>` of kind producer is recorded and
/// its context put into the output's metadata, unless the handler has done so. Names and attributes are those of `TracingMiddleware`,
/// in whose place it stands: a router has one of the two.
///
/// A handler of batches gets one span for each batch, with a link to the producer of each of its messages. It has a parent only if it
/// has a single message.
///
/// `context.trace` is known in a handler if the tracer writes `traceparent` (W3C Trace Context).
public struct SwiftTracingMiddleware: BatchMiddleware {
    private let tracer: any Tracer
    private let propagation: Propagation
    private let continuesTraces: Bool

    /// Tracing.
    ///
    /// - Parameters:
    ///   - tracer: What records spans, and reads and writes contexts. Defaults to what is bootstrapped when the middleware is made; all
    ///     bootstrapped instruments then have a part in contexts.
    ///   - continuesTraces: Whether a message's span is a child of the span that the message carries. Defaults to true. Without
    ///     it each message begins a trace of its own, with a link to the other one.
    public init(tracer: (any Tracer)? = nil, continuesTraces: Bool = true) {
        self.tracer = tracer ?? InstrumentationSystem.tracer
        propagation = Propagation(tracer ?? InstrumentationSystem.instrument)
        self.continuesTraces = continuesTraces
    }

    /// Handles a message within a span.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        let origin = propagation.context(in: message.metadata)
        let span = begin(context, parent: origin, links: [origin])
        defer { span.end() }
        span.describe(MessagingAttributes.process(message, context))
        let carried = propagation.metadata(of: span.context)
        context.trace = TraceContext(of: carried)
        do {
            var outputs = try await ServiceContext.$current.withValue(span.context) { try await next(message, context) }
            outputs.update { output, topic in
                // The handler knows better where it has said so.
                guard !carried.contains(where: { output.metadata[$0.key] != nil }) else { return }
                create(&output, topic ?? context.outputTopic, in: span.context, context)
            }
            return outputs
        } catch {
            span.fail(error)
            throw error
        }
    }

    /// Handles a batch within a span.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        let origins = batch.map { propagation.context(in: $0.message.metadata) }
        let parent = origins.count == 1 ? origins.first : nil
        let span = begin(context, parent: parent ?? .topLevel, links: origins)
        defer { span.end() }
        span.describe(MessagingAttributes.process(batchOf: batch.count, context))
        context.trace = TraceContext(of: propagation.metadata(of: span.context))
        do {
            try await ServiceContext.$current.withValue(span.context) { try await next(batch, context) }
        } catch {
            span.fail(error)
            throw error
        }
    }

    /// A span of a handler's. What a message without a trace carries is nothing to be linked to.
    private func begin(_ context: HandlerContext, parent: ServiceContext, links: [ServiceContext]) -> any Span {
        let span = tracer.startSpan(
            "process \(context.topic)", context: continuesTraces ? parent : .topLevel, ofKind: .consumer)
        for link in links where !link.isEmpty { span.addLink(SpanLink(context: link, attributes: [:])) }
        return span
    }

    private func create(
        _ output: inout Message, _ topic: String?, in parent: ServiceContext, _ context: HandlerContext
    ) {
        guard let topic else { return propagation.inject(parent, into: &output.metadata) }
        let span = tracer.startSpan("create \(topic)", context: parent, ofKind: .producer)
        span.describe(MessagingAttributes.create(output, for: topic, context))
        propagation.inject(span.context, into: &output.metadata)
        span.end()
    }
}
#else
/// Records spans with swift-distributed-tracing. There is no such package without the trait `SwiftDistributedTracing`.
@available(*, unavailable, message: "name the trait 'SwiftDistributedTracing' where your Package.swift depends on millrace")
public struct SwiftTracingMiddleware {}
#endif
