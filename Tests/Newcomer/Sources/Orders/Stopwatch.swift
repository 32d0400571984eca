import Millrace

/// Middleware of one's own, which says where it belongs: it is to time attempts, and not what lies between them.
struct Stopwatch: PlacedMiddleware {
    static var places: [MiddlewarePlace] {
        [.inside(of: Retry.self, otherwise: "it would time the pauses between attempts")]
    }

    func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        let start = context.clock.now
        defer { context.logger.debug("handled", ["took": start.duration(to: context.clock.now)]) }
        return try await next(message, context)
    }
}
