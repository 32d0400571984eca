import Millrace

extension SQLiteOptions {
    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw Self.invalid("path", path.debugDescription, "the path of a file, without null characters")
        }
        // Every connection would have a database of its own.
        guard path != ":memory:", !path.hasPrefix("file:") else {
            throw Self.invalid("path", path.debugDescription, "the path of a file; for memory there is MemoryTransport")
        }
        for (name, duration) in [
            ("busyTimeout", busyTimeout), ("pollInterval", pollInterval), ("careInterval", careInterval),
        ] where duration < .milliseconds(1) {
            throw Self.invalid(name, duration, "at least 1 millisecond")
        }
        guard inboxAge >= .seconds(1) else { throw Self.invalid("inboxAge", inboxAge, "at least 1 second") }
        guard maximumPending >= 1 else { throw Self.invalid("maximumPending", maximumPending, "at least 1") }
        if let maximumSize, maximumSize < 65_536 {
            throw Self.invalid("maximumSize", maximumSize, "at least 65536, or nil")
        }
        if let group {
            let isPrintable = group.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            guard (1...Naming.maximumTopicLength).contains(group.utf8.count), isPrintable else {
                throw Self.invalid(
                    "group", group.debugDescription,
                    "1 to \(Naming.maximumTopicLength) bytes without control characters, or nil")
            }
        }
        if case .topicSuffix("") = deadLetters {
            throw Self.invalid("deadLetters", "topicSuffix(\"\")", "at least 1 character")
        }
        try retention.validate()
    }

    static func invalid(_ field: String, _ value: some Sendable, _ bound: String) -> MillraceError {
        .invalidOption(field, value, bound: bound, of: "SQLiteOptions")
    }
}
