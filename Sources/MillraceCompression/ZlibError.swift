import CZlib
import Millrace

/// The errors of this module.
enum ZlibError {
    static func outOfMemory(_ code: Int32) -> MillraceError {
        MillraceError(.overflow, "zlib could not begin, or go on: code \(code)", isRetriable: true)
    }

    static func broken(_ encoding: ContentEncoding, _ id: MessageID, _ problem: String) -> MillraceError {
        MillraceError(
            .decodingFailed, "message \(id): its payload is not \(encoding.rawValue) as its content-encoding says: \(problem)",
            isRetriable: false)
    }

    static func tooLarge(_ encoding: ContentEncoding, _ id: MessageID, limit: Int) -> MillraceError {
        MillraceError(
            .decodingFailed,
            "message \(id): its \(encoding.rawValue) payload holds more than the maximumSize of \(limit) bytes",
            isRetriable: false)
    }

    static func unknown(_ name: String, _ id: MessageID) -> MillraceError {
        let known = (ContentEncoding.allCases.map(\.rawValue) + ["identity"]).joined(separator: ", ")
        return MillraceError(
            .decodingFailed, "message \(id): its content-encoding is '\(name)', it must be one of: \(known)",
            isRetriable: false)
    }
}
