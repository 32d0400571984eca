/// What goes wrong in Millrace: a code to decide by, a message for people, and whether another try can help.
public struct MillraceError: Error, Sendable {
    /// The kind of an error. New kinds may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name of the code.
        public let description: String

        /// A topic's name is empty, too long, or holds a character that the transport can't carry.
        public static let invalidTopic = Code(description: "invalidTopic")
        /// A message can't be carried: an empty metadata key, for example.
        public static let invalidMessage = Code(description: "invalidMessage")
        /// An option is out of its bounds.
        public static let invalidOption = Code(description: "invalidOption")
        /// A handler's name is taken.
        public static let duplicateHandler = Code(description: "duplicateHandler")
        /// There is no handler of that name.
        public static let unknownHandler = Code(description: "unknownHandler")
        /// The broker has no topic of that name, and it is not to be made.
        public static let unknownTopic = Code(description: "unknownTopic")
        /// The broker knows no consumer group of that name.
        public static let unknownGroup = Code(description: "unknownGroup")
        /// Middleware stands in an order that can't work.
        public static let invalidMiddlewareOrder = Code(description: "invalidMiddlewareOrder")
        /// The transport can't do what was asked.
        public static let unsupported = Code(description: "unsupported")
        /// The publisher, subscription, transport or router is closed.
        public static let closed = Code(description: "closed")
        /// The call is not possible in the present state: a router that runs already, for example.
        public static let invalidState = Code(description: "invalidState")
        /// A value has been changed by somebody else since it was read.
        public static let conflict = Code(description: "conflict")
        /// Some messages were not accepted; ``MillraceError/failures`` lists them.
        public static let publishFailed = Code(description: "publishFailed")
        /// A bounded buffer is full and its policy is to refuse.
        public static let overflow = Code(description: "overflow")
        /// A payload can't be read as the type that was asked for.
        public static let decodingFailed = Code(description: "decodingFailed")
        /// A message has a name or a version that its reader does not know.
        public static let unknownMessage = Code(description: "unknownMessage")
        /// There is no saga that a message could go on with.
        public static let unknownSaga = Code(description: "unknownSaga")
        /// A request was handled, and not with success.
        public static let requestFailed = Code(description: "requestFailed")
        /// A handler took longer than its limit.
        public static let timedOut = Code(description: "timedOut")
        /// A call took longer than its caller allows.
        public static let deadlineExceeded = Code(description: "deadlineExceeded")
        /// A message was handed out more often than its handler allows.
        public static let attemptsExhausted = Code(description: "attemptsExhausted")
        /// The broker can't be reached, or cut the connection.
        public static let connectionFailed = Code(description: "connectionFailed")
        /// Handlers were still running when the drain timeout had passed.
        public static let drainTimedOut = Code(description: "drainTimedOut")
        /// A configuration can't be read, or says what can't be.
        public static let invalidConfiguration = Code(description: "invalidConfiguration")
    }

    /// A message of a publish call that was not accepted.
    public struct PublishFailure: Sendable {
        /// The index of the message in the call.
        public let index: Int
        /// Why.
        public let error: any Error

        /// The failure of one message.
        public init(index: Int, error: any Error) {
            self.index = index
            self.error = error
        }
    }

    /// What to decide by.
    public let code: Code
    /// What happened, with names, values and bounds.
    public let message: String
    /// The error behind it, if there is one.
    public let underlying: (any Error)?
    /// Whether the same call can succeed later.
    public let isRetriable: Bool
    /// The messages that a publish call could not hand over; empty for other codes.
    public let failures: [PublishFailure]

    /// An error with the given values.
    public init(
        _ code: Code, _ message: String, underlying: (any Error)? = nil, isRetriable: Bool, failures: [PublishFailure] = []
    ) {
        self.code = code
        self.message = message
        self.underlying = underlying
        self.isRetriable = isRetriable
        self.failures = failures
    }
}

extension MillraceError: CustomStringConvertible {
    /// The code, the message and the error behind it.
    public var description: String {
        "\(code): \(message)" + (underlying.map { " (\($0))" } ?? "")
    }
}

extension MillraceError {
    /// An option that is out of bounds; `subject` says whose it is.
    public static func invalidOption(
        _ name: String, _ value: some Sendable, bound: String, of subject: String? = nil
    ) -> MillraceError {
        let owner = subject.map { "\($0): " } ?? ""
        return MillraceError(.invalidOption, "\(owner)\(name) is \(value), it must be \(bound)", isRetriable: false)
    }

    /// A publish call of which some messages were not accepted.
    public static func publishFailed(_ failures: [PublishFailure], of count: Int, to topic: String) -> MillraceError {
        let retriable = failures.allSatisfy { ($0.error as? MillraceError)?.isRetriable ?? true }
        return MillraceError(
            .publishFailed, "\(failures.count) of \(count) messages were not accepted by topic '\(topic)'",
            underlying: failures.first?.error, isRetriable: retriable, failures: failures)
    }

    /// A publish call of which no message was accepted, all for the same reason.
    public static func publishFailed(all count: Int, to topic: String, _ error: any Error) -> MillraceError {
        publishFailed((0..<count).map { .init(index: $0, error: error) }, of: count, to: topic)
    }

    /// A message that was handed out more often than its handler allows.
    static func attemptsExhausted(handler: String, id: MessageID, attempts: Int) -> MillraceError {
        MillraceError(
            .attemptsExhausted,
            "handler '\(handler)': message \(id) was handed out \(attempts) times, more often than its maximumAttempts allow",
            isRetriable: false)
    }
}
