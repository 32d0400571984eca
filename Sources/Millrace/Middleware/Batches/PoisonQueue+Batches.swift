extension PoisonQueue: BatchMiddleware {
    /// Publishes to the poison topic what nobody has settled of a batch that failed, one message after the other.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        do {
            try await next(batch, context)
        } catch {
            guard takes(error) else { throw error }
            for delivery in batch.unsettled {
                try await topic.send(delivery.message, error, context)
                batch.settle(delivery, .acknowledge)
            }
        }
    }
}
