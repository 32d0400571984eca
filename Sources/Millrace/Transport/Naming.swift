/// The bounds that every transport keeps for names and keys, so that what works on one works on all.
public enum Naming {
    /// The longest topic or group name, in bytes of UTF-8: what the narrowest broker (Kafka) allows.
    public static let maximumTopicLength = 249

    /// Throws a ``MillraceError`` of code `invalidTopic` when a topic's name is empty, longer than
    /// ``maximumTopicLength``, or holds a control character.
    public static func checkTopic(_ name: String) throws {
        try check(name, kind: "topic", code: .invalidTopic)
    }

    /// Throws a ``MillraceError`` of code `invalidMessage` when a metadata key is empty.
    @inlinable public static func check(_ message: borrowing Message) throws {
        if !message.metadata.isEmpty { try checkMetadata(of: message) }
    }

    @usableFromInline static func checkMetadata(of message: borrowing Message) throws {
        for (index, pair) in message.metadata.enumerated() where pair.key.isEmpty {
            throw MillraceError(
                .invalidMessage, "message \(message.id): metadata key \(index) is empty, it must have at least 1 byte",
                isRetriable: false)
        }
    }

    static func check(_ name: String, kind: String, code: MillraceError.Code) throws {
        let length = name.utf8.count
        guard length >= 1, length <= maximumTopicLength else {
            throw MillraceError(
                code,
                "\(kind) '\(name.prefix(40))\(length == 0 ? "" : "...")': the name has \(length) bytes, it must have 1 to "
                    + "\(maximumTopicLength)", isRetriable: false)
        }
        guard !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            throw MillraceError(
                code, "\(kind) \(name.debugDescription): the name holds a control character", isRetriable: false)
        }
    }
}
