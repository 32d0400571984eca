/// Handles each message twice, for tests of handlers that have to bear it.
///
/// The outputs of both runs are published, those of the first before those of the second. The first error wins: when the first
/// run fails, there is no second one. Cancellation reaches the run at hand.
public struct Duplicator: Middleware {
    /// The middleware.
    public init() {}

    /// Handles the message twice.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        let first = try await next(message, context)
        return first + (try await next(message, context))
    }
}
