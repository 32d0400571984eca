import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Which topics a subscription reads, from the text that names them: one, some with commas between them, or a pattern.
///
/// A pattern is a regular expression (POSIX, extended) that begins with `^`, as librdkafka takes it.
struct KafkaSelection: Sendable {
    let text: String
    /// The topics that are named; none for a pattern.
    let names: [String]

    /// - Throws: A `MillraceError` of code `invalidTopic`.
    init(_ text: String) throws {
        try Naming.checkTopic(text)
        self.text = text
        if text.hasPrefix("^") {
            names = []
            _ = try Self.matcher(text)
            return
        }
        names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        for name in names { try Self.check(name) }
        guard Set(names).count == names.count else {
            throw MillraceError(.invalidTopic, "topic '\(text)': it names a topic more than once", isRetriable: false)
        }
    }

    var isPattern: Bool { names.isEmpty }
    /// Whether more than one topic may be read.
    var isMany: Bool { names.count != 1 }

    /// Those of a cluster's topics that a pattern means.
    func matching(_ topics: [String]) throws -> [String] { topics.filter(try Self.matcher(text)) }

    private static func matcher(_ pattern: String) throws -> (String) -> Bool {
        let compiled = CompiledPattern()
        guard regcomp(&compiled.pattern, pattern, REG_EXTENDED | REG_NOSUB) == 0 else {
            throw MillraceError(
                .invalidTopic, "topic '\(pattern)': it begins with '^' and is no regular expression (POSIX, extended)",
                isRetriable: false)
        }
        compiled.isReady = true
        return { regexec(&compiled.pattern, $0, 0, nil, 0) == 0 }
    }

    /// Kafka's names are narrower than Millrace's.
    static func check(_ topic: String) throws {
        try Naming.checkTopic(topic)
        let isLegal =
            topic != "." && topic != ".."
            && topic.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
        guard isLegal else {
            throw MillraceError(
                .invalidTopic, "topic '\(topic)': names in Kafka have ASCII letters, digits, '.', '_' and '-' only",
                isRetriable: false)
        }
    }
}

private final class CompiledPattern {
    var pattern = regex_t()
    var isReady = false

    deinit { if isReady { regfree(&pattern) } }
}
