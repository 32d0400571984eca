/// Metadata keys by which a message says what only AMQP has: the properties of a message, and where it goes. They do not travel as
/// headers.
public enum AMQPMetadata {
    /// The routing key of a published message, in the place of the one that the topology makes from its topic; at most 255 bytes.
    public static let routingKey = "millrace-amqp-routing-key"
    /// The routing key that a received message came with, when that is not the topic's own: see ``AMQPTopology/topic(exchange:)``.
    public static let receivedRoutingKey = "millrace-amqp-received-routing-key"
    /// The priority, 0 to 255: see ``AMQPTopology/priorities``.
    public static let priority = "millrace-amqp-priority"
    /// After how many milliseconds in a queue the broker drops a published message, or gives it to the queue's dead-letter
    /// exchange.
    public static let expiration = "millrace-amqp-expiration"
    /// The same of a received message. Under another key, so that a message that is passed on does not vanish where it goes.
    public static let receivedExpiration = "millrace-amqp-received-expiration"
    /// The time that the publisher gave, in seconds since 1970.
    public static let timestamp = "millrace-amqp-timestamp"
    /// What kind of message it is, by the publisher's word; at most 255 bytes.
    public static let type = "millrace-amqp-type"
    /// Where answers go; at most 255 bytes.
    public static let replyTo = "millrace-amqp-reply-to"
    /// The program that published; at most 255 bytes.
    public static let appID = "millrace-amqp-app-id"
    /// The encoding of the content: `gzip`, for example; at most 255 bytes.
    public static let contentEncoding = "millrace-amqp-content-encoding"
    /// The property `message-id` of a received message that has an id in its headers as well.
    public static let messageID = "millrace-amqp-message-id"
    /// The user that a received message was published by, if its publisher said so, which the broker has checked.
    public static let receivedUserID = "millrace-amqp-received-user-id"

    static let prefix = "millrace-amqp-"
}
