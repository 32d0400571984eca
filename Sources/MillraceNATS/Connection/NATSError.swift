import CNATS
import Millrace

/// What libnats' and JetStream's errors mean.
enum NATSError {
    /// The error of a call that has just failed on this thread.
    static func make(_ status: natsStatus, _ what: String) -> MillraceError {
        var last = NATS_OK
        let detail = nats_GetLastError(&last).map { String(cString: $0) } ?? ""
        let text = natsStatus_GetText(status).map { String(cString: $0) } ?? "status \(status.rawValue)"
        return make(status, what, last == status && !detail.isEmpty ? "\(text): \(detail)" : text)
    }

    static func make(_ status: natsStatus, _ what: String, _ detail: String) -> MillraceError {
        let message = "\(what): \(detail)"
        return switch status {
        case NATS_CONNECTION_AUTH_FAILED, NATS_NOT_PERMITTED, NATS_SSL_ERROR, NATS_SECURE_CONNECTION_WANTED,
            NATS_SECURE_CONNECTION_REQUIRED:
            MillraceError(.connectionFailed, message, isRetriable: false)
        case NATS_MAX_PAYLOAD: MillraceError(.invalidMessage, message, isRetriable: false)
        case NATS_NO_SERVER_SUPPORT: MillraceError(.unsupported, message, isRetriable: false)
        case NATS_INVALID_ARG: MillraceError(.invalidOption, message, isRetriable: false)
        default: MillraceError(.connectionFailed, message, isRetriable: true)
        }
    }

    /// The connection is lost, or not there yet.
    static func notConnected(_ what: String) -> MillraceError {
        MillraceError(.connectionFailed, "\(what): there is no connection to a server", isRetriable: true)
    }

    /// Nobody listens to a subject of JetStream's.
    static func noResponders(_ what: String) -> MillraceError {
        MillraceError(
            .connectionFailed, "\(what): no server answers: JetStream is off or away, or what was asked for is gone",
            isRetriable: true)
    }

    static func timedOut(_ what: String, after duration: Duration) -> MillraceError {
        MillraceError(.timedOut, "\(what): no answer within \(duration)", isRetriable: true)
    }
}
