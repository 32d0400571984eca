import CRdKafka
import Millrace

/// What librdkafka's errors mean.
enum KafkaError {
    /// The error for a code that concerns a topic.
    static func make(_ code: rd_kafka_resp_err_t, topic: String, _ detail: String? = nil) -> MillraceError {
        let text = "topic '\(topic)': \(detail ?? name(code))"
        return switch code {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
            MillraceError(.invalidTopic, "topic '\(topic)': the cluster does not have it", isRetriable: false)
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            MillraceError(.invalidMessage, "topic '\(topic)': it has no such partition", isRetriable: false)
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: MillraceError(.invalidTopic, text, isRetriable: false)
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD:
            MillraceError(.invalidMessage, text, isRetriable: false)
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__AUTHENTICATION,
            RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
            MillraceError(.connectionFailed, text, isRetriable: false)
        default: MillraceError(.connectionFailed, text, isRetriable: true)
        }
    }

    /// The error for what does not concern a topic.
    static func make(_ code: rd_kafka_resp_err_t, _ detail: String) -> MillraceError {
        let isFinal = [RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED].contains(code)
        return MillraceError(.connectionFailed, detail, isRetriable: !isFinal)
    }

    /// Librdkafka's words for a code.
    static func name(_ code: rd_kafka_resp_err_t) -> String { String(cString: rd_kafka_err2str(code)) }
}
