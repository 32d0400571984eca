#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
import Millrace

/// What JetStream says when it refuses something.
struct JetStreamError: Decodable {
    struct Content: Decodable {
        let code: Int
        let errorCode: Int?
        let description: String?

        enum CodingKeys: String, CodingKey {
            case code
            case errorCode = "err_code"
            case description
        }
    }

    let error: Content?

    static let streamNotFound = 10_059
    static let consumerNotFound = 10_014
    static let streamNameInUse = 10_058
    static let subjectOverlap = 10_065
    static let consumerNameExists = 10_013

    /// The error of an answer that was no success.
    static func of(_ text: String, _ what: String) -> MillraceError {
        guard let error = (try? JSONDecoder().decode(JetStreamError.self, from: Data(text.utf8)))?.error else {
            return MillraceError(
                .connectionFailed, "\(what): an answer that can't be read: '\(text.prefix(80))'", isRetriable: true)
        }
        return make(error, what)
    }

    static func make(_ error: Content, _ what: String) -> MillraceError {
        let text = "\(what): \(error.description ?? "error \(error.code)")"
        return switch error.errorCode {
        case streamNotFound: MillraceError(.invalidTopic, text, isRetriable: true)
        case consumerNotFound: MillraceError(.unknownGroup, text, isRetriable: true)
        // Not enabled for the account, or not at all.
        case 10_039, 10_076: MillraceError(.unsupported, text, isRetriable: false)
        // Too large for the stream, or headers of more than 64 KiB.
        case 10_054, 10_097: MillraceError(.invalidMessage, text, isRetriable: false)
        default:
            // What is wrong with the request stays wrong; what is full or away may pass.
            MillraceError(
                error.code == 400 ? .invalidOption : .connectionFailed, text, isRetriable: error.code != 400)
        }
    }
}
