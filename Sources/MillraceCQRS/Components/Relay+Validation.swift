import Millrace

extension Relay {
    /// Throws a `MillraceError` when the topic for what can't be delivered can't be, or is one of those that are read.
    static func check(_ undeliverable: String?, reading topics: [String], for subject: String) throws {
        guard let undeliverable else { return }
        try Naming.checkTopic(undeliverable)
        guard !topics.contains(undeliverable) else {
            throw MillraceError.invalidOption(
                "undeliverableTo", "'\(undeliverable)'", bound: "another topic than it reads", of: subject)
        }
    }
}

extension [String] {
    /// The first element that has been there before; nil when all are different.
    var firstRepeated: String? {
        var seen: Set<String> = []
        return first { !seen.insert($0).inserted }
    }
}
