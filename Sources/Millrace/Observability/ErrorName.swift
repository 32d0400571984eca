/// What kind of error it was, in few words: for `error.type`, which has to take few different values.
package enum ErrorName {
    /// The error's type; of a ``MillraceError`` also the code. Of ``RetryLater`` and ``Reject`` that of their cause.
    package static func of(_ error: any Error) -> String {
        switch error {
        case let error as MillraceError: "MillraceError.\(error.code)"
        case let later as RetryLater: later.cause.map { of($0) } ?? "RetryLater"
        case let reject as Reject: reject.cause.map { of($0) } ?? "Reject"
        default: "\(type(of: error))"
        }
    }
}
