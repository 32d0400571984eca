import Millrace

/// Where the answers to a request go.
struct ReplyAddress: Sendable {
    let topic: String
    let requestID: String
    /// Until when they are waited for, in milliseconds since 1970.
    let until: Int64?
    /// Whether that is by the clock of the broker that the request was read from. Not so when the requester does not know that clock, nor
    /// when a bridge has brought the request from another broker.
    let isByBrokerClock: Bool
    /// What the request is called.
    let requestName: String
    /// Who handles it.
    let handler: String
    /// Where it was read.
    let requestTopic: String

    /// The address that a message states; nil for one that is no request, or whose address can't be one.
    init?(of message: Message, in topic: String, for handler: String) {
        guard let replyTopic = message.metadata[MetadataKey.replyTopic], let id = message.metadata[MetadataKey.requestID],
            (try? Naming.checkTopic(replyTopic)) != nil
        else { return nil }
        self.topic = replyTopic
        requestID = id
        until = message.metadata[MetadataKey.replyUntil].flatMap { Int64($0) }
        isByBrokerClock = message.metadata[MetadataKey.replyClock] == nil && message.metadata[MetadataKey.bridges] == nil
        requestName = String((message.metadata[MetadataKey.messageName] ?? "").prefix(200))
        self.handler = handler
        requestTopic = message.metadata[MetadataKey.topic] ?? topic
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
