import Millrace

/// The names of NATS: what a topic, a consumer group and a stream are called there.
enum NATSNames {
    /// The longest name of a stream or a consumer.
    static let maximumLength = 255

    /// Throws a `MillraceError` of code `invalidTopic` when a topic can't be a subject.
    static func check(_ topic: String, allowsWildcards: Bool) throws {
        try Naming.checkTopic(topic)
        guard isSubject(topic, allowsWildcards: allowsWildcards) else {
            let bound =
                allowsWildcards
                ? "must be tokens without spaces, with a '.' between them; '*' stands for a token, '>' for all that follow"
                : "must be tokens without spaces, '*' and '>', with a '.' between them"
            throw MillraceError(.invalidTopic, "topic '\(topic)': a subject of NATS \(bound)", isRetriable: false)
        }
    }

    static func isSubject(_ text: String, allowsWildcards: Bool = false) -> Bool {
        let tokens = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        for (index, token) in tokens.enumerated() {
            guard !token.isEmpty else { return false }
            if token.elementsEqual("*".utf8) || token.elementsEqual(">".utf8) {
                guard allowsWildcards, token.first == 0x2A || index == tokens.count - 1 else { return false }
            } else if token.contains(where: { $0 <= 0x20 || $0 == 0x2A || $0 == 0x3E || $0 == 0x7F }) {
                return false
            }
        }
        return true
    }

    static func hasWildcards(_ topic: String) -> Bool {
        guard topic.utf8.contains(where: { $0 == 0x2A || $0 == 0x3E }) else { return false }
        return topic.utf8.split(separator: 0x2E).contains { $0.elementsEqual("*".utf8) || $0.elementsEqual(">".utf8) }
    }

    /// Whether a subject is one of those that a topic with wildcards stands for.
    static func matches(_ subject: String, _ pattern: String) -> Bool {
        let subject = subject.split(separator: ".", omittingEmptySubsequences: false)
        let pattern = pattern.split(separator: ".", omittingEmptySubsequences: false)
        for (index, token) in pattern.enumerated() {
            if token == ">" { return subject.count > index }
            guard index < subject.count, token == "*" || token == subject[index] else { return false }
        }
        return subject.count == pattern.count
    }

    /// Whether a text can be the name of a stream or a consumer.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= maximumLength && text.utf8.allSatisfy { isAllowed($0) }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        // Space and control characters; * . / > \ and what is no ASCII.
        case ...0x20, 0x2A, 0x2E, 0x2F, 0x3E, 0x5C, 0x7F...: false
        default: true
        }
    }

    /// The name for a text: the text itself if it can be one; otherwise with `_` for what can't be in it, and the beginning of its
    /// SHA-256, so that no two texts have one name.
    static func token(_ text: String) -> String {
        if isToken(text) { return text }
        let base = String(decoding: text.utf8.map { isAllowed($0) ? $0 : 0x5F }.prefix(maximumLength - 60), as: UTF8.self)
        return "\(base)-\(digest(text))"
    }

    /// The name of the stream that is made for a topic.
    static func stream(for topic: String) -> String { token(topic) }

    /// The name of the consumer for a group that reads a topic of a stream: that of the group if the stream is the topic's own,
    /// otherwise with that of the topic behind it.
    static func consumer(for group: String, topic: String, in stream: String) -> String {
        let name = token(group)
        guard stream != self.stream(for: topic) else { return name }
        return "\(name.utf8.count <= maximumLength - 9 ? name : token(group + "."))-\(digest(topic))"
    }

    /// The group of a consumer, by its name and what was noted when it was made; the name itself when somebody else has made it.
    static func group(of consumer: String, noted: String?, topic: String, in stream: String) -> String {
        if let noted, self.consumer(for: noted, topic: topic, in: stream) == consumer { return noted }
        let suffix = "-\(digest(topic))"
        guard stream != self.stream(for: topic), consumer.hasSuffix(suffix) else { return consumer }
        return String(consumer.dropLast(suffix.count))
    }

    private static func digest(_ text: String) -> String {
        var text = text
        return text.withUTF8 { String(SHA256.hex(of: UnsafeRawBufferPointer($0)).prefix(8)) }
    }
}
