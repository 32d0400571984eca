import CRdKafka
import Millrace

/// Why a step of a transaction failed, and what that means for the rest.
struct TransactionFailure: Error {
    enum Consequence {
        /// The step may be tried again.
        case repeatable
        /// The transaction has to be given up; the producer goes on.
        case abort
        /// The producer can do no more.
        case fatal
    }

    let consequence: Consequence
    let error: MillraceError

    init(_ consequence: Consequence, _ error: MillraceError) {
        self.consequence = consequence
        self.error = error
    }

    /// Takes an error of librdkafka over, which is destroyed.
    init(taking raw: OpaquePointer, _ step: String) {
        defer { rd_kafka_error_destroy(raw) }
        let code = rd_kafka_error_code(raw)
        let text = rd_kafka_error_string(raw).map { String(cString: $0) } ?? KafkaError.name(code)
        if rd_kafka_error_is_fatal(raw) != 0 || Self.fatal.contains(code) {
            consequence = .fatal
        } else if rd_kafka_error_txn_requires_abort(raw) != 0 {
            consequence = .abort
        } else {
            consequence = rd_kafka_error_is_retriable(raw) != 0 ? .repeatable : .abort
        }
        error = Self.error(code, step, text)
    }

    private static let fatal = [RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR__STATE]

    private static func error(_ code: rd_kafka_resp_err_t, _ step: String, _ text: String) -> MillraceError {
        // What is wrong with single messages or topics stays wrong.
        let known = KafkaError.make(code, topic: "")
        return MillraceError(
            known.code, "transaction, \(step): \(text)", isRetriable: known.isRetriable)
    }
}
