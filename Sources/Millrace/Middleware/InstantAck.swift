/// Acknowledges a message before its handler sees it: delivered at most once.
///
/// A failure afterwards is reported as `messageRejected` and the message is lost. `Retry` inside waits in place only, as the
/// transport has nothing left to bring back. For messages whose loss does no harm and whose repetition would.
///
/// Keep it inside of whatever sends messages back (`CircuitBreaker`, `DelayOnError`, `Deduplicate`, `RateLimit`): what they
/// send back after it is lost.
public struct InstantAck: StagedMiddleware {
    /// The middleware.
    public init() {}

    /// Before the handler.
    public var stages: Stages { .begin }

    /// Acknowledges the message.
    public func begin(_ message: Message, _ context: HandlerContext) { context.acknowledge() }
}
