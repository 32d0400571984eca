extension Throttle: BatchMiddleware {
    /// Waits for a token for each message of the batch, then handles it.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        try await wait(for: batch.count, context)
        try await next(batch, context)
    }
}
