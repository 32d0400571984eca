/// The metadata keys that Millrace reads or writes. Those of Watermill keep its spelling, so that Go and Swift services agree.
public enum MetadataKey {
    /// The media type of the payload.
    public static let contentType = "content-type"
    /// The id that all messages of one business transaction share (Watermill's key).
    public static let correlationID = "correlation_id"
    /// The id of the message that caused this one.
    public static let causationID = "causation_id"
    /// W3C Trace Context: the span that produced the message.
    public static let traceParent = "traceparent"
    /// W3C Trace Context: vendor state that travels along.
    public static let traceState = "tracestate"

    /// Why the message was given up: the error's text (Watermill's key).
    public static let poisonReason = "reason_poisoned"
    /// The topic on which it failed (Watermill's key).
    public static let poisonTopic = "topic_poisoned"
    /// The handler that failed (Watermill's key).
    public static let poisonHandler = "handler_poisoned"
    /// The kind of transport it came from (Watermill's key).
    public static let poisonSubscriber = "subscriber_poisoned"
    /// The type of the error.
    public static let poisonErrorType = "millrace-poison-error-type"
    /// How often it was tried.
    public static let poisonAttempts = "millrace-poison-attempts"
    /// The consumer group in which it failed.
    public static let poisonGroup = "millrace-poison-group"
    /// When it first failed, in milliseconds since 1970.
    public static let poisonFirstFailedAt = "millrace-poison-first-failed-at"
    /// When it last failed, in milliseconds since 1970.
    public static let poisonLastFailedAt = "millrace-poison-last-failed-at"
    /// How often `Replay` has brought the message back.
    public static let replays = "millrace-replays"
    /// The consumer group that a message was brought back for; others acknowledge it unseen.
    public static let replayGroup = "millrace-replay-group"
}
