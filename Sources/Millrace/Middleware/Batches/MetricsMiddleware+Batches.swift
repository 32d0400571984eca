extension MetricsMiddleware: BatchMiddleware {
    /// Counts the messages of a batch, and times the call.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        guard let process else { return try await next(batch, context) }
        let start = context.clock.now
        process.begin(batch.count)
        do {
            try await next(batch, context)
            process.succeed(start.duration(to: context.clock.now).nanosecondsClamped)
        } catch {
            process.fail(error, start.duration(to: context.clock.now).nanosecondsClamped)
            throw error
        }
    }
}
