extension CircuitBreaker: BatchMiddleware {
    /// A batch counts as one: it succeeds, or fails, as a whole. What nobody has settled of one that failed is held back as a message
    /// would be.
    public func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
        guard let circuit, let first = batch.first else { return try await next(batch, context) }
        guard circuit.isClosed || circuit.admits(context) else { throw HandedBack(reason: "the circuit is open") }
        do {
            try await next(batch, context)
            circuit.succeeded(first.message, context)
        } catch {
            let rest = batch.unsettled.map(\.message)
            throw judged(error, of: rest.first ?? first.message, alongWith: rest, context)
        }
    }
}
