extension Correlation: BatchMiddleware {
    /// Does nothing: a handler of batches has no outputs.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        try await next(batch, context)
    }
}
