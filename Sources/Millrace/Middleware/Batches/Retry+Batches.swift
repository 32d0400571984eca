extension Retry: BatchMiddleware {
    /// Handles those of a batch again that nobody has settled, together and in their order. `shouldRetry` and `onRetry` are asked once for
    /// each attempt, with the first of them.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        var rest = batch
        while true {
            do {
                return try await next(rest, context)
            } catch {
                rest = batch.unsettled
                guard let first = rest.first, let failure = nextAttempt(after: error, first.message, context) else { throw error }
                if context.canRetryLater, isTooLongInPlace(failure) { throw RetryLater(after: failure.delay, because: error) }
                try await context.clock.sleep(for: failure.delay)
                context.attempt += 1
            }
        }
    }
}
