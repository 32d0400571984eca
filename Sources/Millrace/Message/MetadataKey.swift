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

    /// The topic that a received message lay in, where a subscription reads several. It does not travel.
    public static let topic = "millrace-topic"
    /// What belongs together, where a broker has no place of its own for it: ``Message/key`` on the wire.
    public static let key = "millrace-key"
    /// The number of the attempt, from the second one on, where a message had to be written anew to be tried again. It does not
    /// reach handlers: see ``Delivery/attempt``.
    public static let attempt = "millrace-attempt"
    /// When a message that was written anew is to be tried again, in milliseconds since 1970, by the clock of whoever has written it. It
    /// does not reach handlers.
    public static let retryAt = "millrace-retry-at"
    /// How long a message that was written anew was to wait then, in milliseconds: whoever reads it holds it no longer than that, whatever
    /// its clock says of ``retryAt``. It does not reach handlers.
    public static let retryDelay = "millrace-retry-delay"
    /// Why a record's metadata could not be read. The message carries the payload all the same.
    public static let decodingFailure = "millrace-decoding-failure"
    /// The metadata that could not be read, as text; bytes that are not UTF-8 are replaced.
    public static let rawMetadata = "millrace-raw-metadata"
    /// The value of a foreign record's field that has an empty name, which no metadata key may have.
    public static let unnamed = "millrace-unnamed"
    /// How many fields of a foreign record were left out, because it has more than a message can hold.
    public static let omittedFields = "millrace-omitted-fields"

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

    /// The topic that a message in an outbox, or in the topic of a delayed publisher, is to go to.
    public static let destination = "millrace-destination"
    /// The message's own key, where it waits under another one.
    public static let destinationKey = "millrace-destination-key"
    /// Says that a message has no key of its own, where it waits under one.
    public static let destinationHasNoKey = "millrace-destination-no-key"
    /// When a message is to be published, in milliseconds since 1970.
    public static let publishAt = "millrace-publish-at"
    /// The links of the bridges that a message has passed, separated by commas.
    public static let bridges = "millrace-bridges"
}
