extension Timeout: BatchMiddleware {
    /// Handles a batch in a task of its own, which is cancelled when the time has run out. The limit is that of the batch.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        do {
            try await withDeadline(limit, clock: context.clock) { try await next(batch, context) }
        } catch let passed as DeadlinePassed {
            throw MillraceError(
                .timedOut, "handler '\(context.handler)' took longer than \(limit) for a batch of \(batch.count)",
                underlying: passed.cause, isRetriable: true)
        }
    }
}
