import CRabbitMQ
import Millrace

/// What the library and the broker say when something fails, as errors of Millrace.
enum AMQPError {
    /// A call of the library has failed.
    static func make(_ status: Int32, _ what: String) -> MillraceError {
        let text = amqp_error_string2(status).map { String(cString: $0) } ?? "error \(status)"
        return MillraceError(.connectionFailed, "\(what): \(text)", isRetriable: true)
    }

    /// The broker has closed a channel or a connection: whatever was on its way may be tried again.
    static func closed(_ what: String, code: UInt16, _ text: amqp_bytes_t) -> MillraceError {
        MillraceError(.connectionFailed, "\(what): \(text.text) (\(code))", isRetriable: true)
    }

    /// Reply codes of what does not become better by itself: access refused, not found, resource locked, precondition failed,
    /// not allowed, not implemented.
    static func isFinal(_ code: UInt16) -> Bool { [403, 404, 405, 406, 530, 540].contains(code) }

    /// The broker has refused a declaration, in its own words.
    static func refused(_ what: String, code: UInt16, _ text: amqp_bytes_t) -> MillraceError {
        guard isFinal(code) else { return closed(what, code: code, text) }
        return MillraceError(.invalidConfiguration, "\(what): \(text.text)", isRetriable: false)
    }

    static let transportClosed = MillraceError(.closed, "the transport is closed", isRetriable: false)
}
