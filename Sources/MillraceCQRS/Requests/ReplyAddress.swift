import Millrace

/// Where the answers to a request go.
struct ReplyAddress: Sendable {
    let topic: String
    let requestID: String
    /// Until when they are waited for, in milliseconds since 1970.
    let until: Int64?

    /// The address that a message states; nil for one that is no request, or whose address can't be one.
    init?(of message: Message) {
        guard let topic = message.metadata[MetadataKey.replyTopic], let id = message.metadata[MetadataKey.requestID],
            (try? Naming.checkTopic(topic)) != nil
        else { return nil }
        self.topic = topic
        requestID = id
        until = message.metadata[MetadataKey.replyUntil].flatMap { Int64($0) }
    }
}

/// What an answer is, by its value under `MetadataKey.replyKind`.
enum ReplyKind: String, Sendable {
    /// A value; there may be more.
    case more
    /// The last value.
    case last
    /// No value; there are no more.
    case end
    /// A ``ReplyError``; there are no more.
    case error
    /// A ``RemoteFailure``; there are no more.
    case failure

    var isLast: Bool { self != .more }
}
