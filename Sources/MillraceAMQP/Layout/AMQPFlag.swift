import CRabbitMQ

/// Which properties a message has, in the type of the field that says so.
enum AMQPFlag {
    static let contentType = amqp_flags_t(AMQP_BASIC_CONTENT_TYPE_FLAG)
    static let contentEncoding = amqp_flags_t(AMQP_BASIC_CONTENT_ENCODING_FLAG)
    static let headers = amqp_flags_t(AMQP_BASIC_HEADERS_FLAG)
    static let deliveryMode = amqp_flags_t(AMQP_BASIC_DELIVERY_MODE_FLAG)
    static let priority = amqp_flags_t(AMQP_BASIC_PRIORITY_FLAG)
    static let correlationID = amqp_flags_t(AMQP_BASIC_CORRELATION_ID_FLAG)
    static let replyTo = amqp_flags_t(AMQP_BASIC_REPLY_TO_FLAG)
    static let expiration = amqp_flags_t(AMQP_BASIC_EXPIRATION_FLAG)
    static let messageID = amqp_flags_t(AMQP_BASIC_MESSAGE_ID_FLAG)
    static let timestamp = amqp_flags_t(AMQP_BASIC_TIMESTAMP_FLAG)
    static let type = amqp_flags_t(AMQP_BASIC_TYPE_FLAG)
    static let userID = amqp_flags_t(AMQP_BASIC_USER_ID_FLAG)
    static let appID = amqp_flags_t(AMQP_BASIC_APP_ID_FLAG)
}
