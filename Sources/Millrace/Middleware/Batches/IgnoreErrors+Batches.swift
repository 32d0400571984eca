extension IgnoreErrors: BatchMiddleware {
    /// Has what nobody has settled acknowledged when the batch fails with an error that is to be ignored.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        do {
            try await next(batch, context)
        } catch {
            guard ignores(error) else { throw error }
            for delivery in batch.unsettled { report(error, of: delivery.message, context) }
        }
    }
}
