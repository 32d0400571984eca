/// An error that is an answer: a handler throws it, the requester catches it with its values.
///
/// It has to stand among the ``DomainCommand/replyErrors`` of its command. The command then is done, and acknowledged; nothing else that
/// the handler wanted to publish leaves. Thrown where nobody waits for an answer, it is an error like any other.
public protocol ReplyError: Error, Codable, Sendable {
    /// The name on the wire. Defaults to the name of the type.
    static var errorName: String { get }
}

extension ReplyError {
    /// The name of the type, without its module and the types around it.
    public static var errorName: String { "\(Self.self)" }
}

/// Why a request was given up, as its handler's process states it. It stands behind a `MillraceError` of code `requestFailed`.
public struct RemoteFailure: Error, Codable, Sendable, Hashable, CustomStringConvertible {
    /// The name of the error's type.
    public let type: String
    /// Its text, at most 1,024 characters of it.
    public let message: String

    /// A failure with the given values.
    public init(type: String, message: String) {
        self.type = type
        self.message = message
    }

    /// The type and the text.
    public var description: String { "\(type): \(message)" }
}
