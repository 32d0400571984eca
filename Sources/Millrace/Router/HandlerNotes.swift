/// What is learnt of a message while it is handled, and of few messages at all.
struct HandlerNotes {
    /// Takes the outcome of a message.
    typealias OutcomeAction = @Sendable (MessageOutcome) async -> Void

    /// The span in which the message is being handled.
    var trace: TraceContext?
    /// What is recorded of it.
    var span: SpanData?
    /// When the span began.
    var spanBegunAt = ClockInstant(nanoseconds: 0)
    /// When the message first failed, in milliseconds since 1970.
    var firstFailedAt: Int64?
    /// Whether `Timeout` ended the attempt that has just failed.
    var hasTimedOut = false
    /// Whether the message was acknowledged before its handler has returned.
    var isAcknowledged = false
    /// Who wants to know the message's outcome.
    var outcomeActions: [OutcomeAction] = []
    /// The attempts before this delivery, where the count is that of this process and not the transport's.
    var recalledAttempts: Int?
    /// Whether this delivery is not to count.
    var isExcused = false
    /// Whether the handler has returned, so that nothing is to be noted any more.
    var isClosed = false
}
