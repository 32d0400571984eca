/// Middleware that stands around handlers of batches as well, with one call for each batch.
///
/// All other middleware stands around single messages. A handler of batches in whose list there is such is refused when it is
/// registered, unless it says that it does without.
public protocol BatchMiddleware: Middleware {
    /// Handles a batch with the help of `next`. What it throws is the fate of all messages that nobody has settled by then; the others,
    /// and all of them when it returns, are done. ``HandlerBatch/unsettled`` are those that are left.
    func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws
}

/// The middleware further inside, and the handler of batches.
public struct NextBatchHandler: Sendable {
    let body: BatchWorker.Body

    /// Handles the batch.
    public func callAsFunction(_ batch: HandlerBatch, _ context: HandlerContext) async throws {
        try await body(batch, context)
    }
}

/// A handler of batches with the middleware around it.
enum BatchChain {
    /// The handler as the worker calls it; the first of the layers is the outermost.
    static func wrap(_ body: @escaping BatchWorker.Body, in layers: [any Middleware]) -> BatchWorker.Body {
        var wrapped: BatchWorker.Body = { batch, context in
            do {
                try await body(batch, context)
            } catch {
                context.noteFailure(timedOut: false)
                throw error
            }
        }
        for layer in layers.reversed() {
            guard let layer = layer as? any BatchMiddleware else { continue }
            let next = NextBatchHandler(body: wrapped)
            wrapped = { batch, context in try await layer.handle(batch, context, next: next) }
        }
        return wrapped
    }
}
