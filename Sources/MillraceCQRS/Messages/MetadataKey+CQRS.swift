public import Millrace

extension MetadataKey {
    /// The name of a typed message (Watermill's key).
    public static let messageName = "name"
    /// The version of a typed message. Left out for version 1.
    public static let messageVersion = "millrace-version"

    /// The topic that a request is answered on.
    public static let replyTopic = "millrace-reply-topic"
    /// By what the answers to a request are told from others.
    public static let requestID = "millrace-request-id"
    /// Until when the answers to a request are waited for, in milliseconds since 1970: by the broker's clock, unless there is a
    /// ``replyClock``.
    public static let replyUntil = "millrace-reply-until"
    /// By whose clock ``replyUntil`` is: `requester` when the requester does not know the broker's. Nobody else can tell then whether it
    /// has passed.
    public static let replyClock = "millrace-reply-clock"
    /// What an answer is: see `Docs/cqrs.md`.
    public static let replyKind = "millrace-reply"
    /// The number of an answer, from 0.
    public static let replyIndex = "millrace-reply-index"
    /// The name of the error that is the answer.
    public static let replyErrorName = "millrace-reply-error"
}
