extension TracingMiddleware: BatchMiddleware {
    /// Records one span for a batch, linked to the span that each of its messages carries. It has a parent only if there is a single
    /// message. Without an exporter nothing is recorded, and `context.trace` stays nil: there is no one trace to pass on.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        guard let exporter else { return try await next(batch, context) }
        let origins = batch.compactMap { origin(of: $0.message) }
        let parent = batch.count == 1 && continuesTraces ? origins.first : nil
        let trace = parent?.child(ids) ?? .root(ids, flags: origins.first?.flags ?? 1)
        context.trace = trace
        guard trace.isSampled else { return try await next(batch, context) }
        let begunAt = context.clock.now
        var span = SpanData(
            name: "process \(context.topic)", kind: .consumer, context: trace, parent: parent,
            start: context.clock.unixNanoseconds, attributes: MessagingAttributes.process(batchOf: batch.count, context),
            links: origins)
        do {
            try await next(batch, context)
            end(&span, begunAt, context, error: nil, exporter)
        } catch {
            end(&span, begunAt, context, error: error, exporter)
            throw error
        }
    }
}
