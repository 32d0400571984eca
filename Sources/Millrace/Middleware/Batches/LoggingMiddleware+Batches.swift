extension LoggingMiddleware: BatchMiddleware {
    /// Logs a line before and one after a batch, with how many messages there are.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        let start = context.clock.now
        if let started { context.logger.log(started, "handling a batch", ["count": batch.count]) }
        do {
            try await next(batch, context)
            guard let finished else { return }
            context.logger.log(
                finished, "handled a batch", ["count": batch.count, "took": start.duration(to: context.clock.now)])
        } catch {
            if let failed {
                context.logger.log(
                    failed, "failed with a batch",
                    ["count": batch.count, "took": start.duration(to: context.clock.now), "error": "\(error)"])
            }
            throw error
        }
    }
}
