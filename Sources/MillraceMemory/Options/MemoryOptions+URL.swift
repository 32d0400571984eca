public import Millrace

extension MemoryOptions {
    /// Options from a URL such as `memory:` or `memory:?capacity=100&overflow=refuse`; what it does not mention has its default.
    ///
    /// | Query             | Option                                                                        |
    /// | ----------------- | ----------------------------------------------------------------------------- |
    /// | `capacity`        | ``capacity``                                                                  |
    /// | `overflow`        | ``overflow``: `wait`, `refuse`, `drop-oldest` or `drop-newest`                |
    /// | `retention`       | ``retention``: `none`, `until-claimed`, `all`, or a number of messages        |
    /// | `dead-letters`    | a suffix for ``deadLetters``; empty to drop                                   |
    /// | `publish-returns` | ``publishReturns``: `when-stored` or `when-acknowledged`                      |
    /// | `maximum-delayed` | ``maximumDelayed``                                                            |
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the option, its value and its bound.
    public init(url: TransportURL) throws {
        var url = url
        guard url.scheme == "memory" else {
            throw MillraceError.invalidOption("scheme", "'\(url.scheme)'", bound: "memory", of: "memory URL")
        }
        self.init()
        capacity = try url.takeNumber("capacity") ?? capacity
        overflow =
            try url.takeChoice(
                "overflow", ["wait": .wait, "refuse": .refuse, "drop-oldest": .dropOldest, "drop-newest": .dropNewest])
            ?? overflow
        retention = try url.take("retention").map { try Self.retention($0, of: url) } ?? retention
        if let suffix = url.take("dead-letters") { deadLetters = suffix.isEmpty ? .drop : .topicSuffix(suffix) }
        publishReturns =
            try url.takeChoice(
                "publish-returns", ["when-stored": .whenStored, "when-acknowledged": .whenAcknowledged]) ?? publishReturns
        maximumDelayed = try url.takeNumber("maximum-delayed") ?? maximumDelayed
        try url.finish()
        try validate()
    }

    private static func retention(_ text: String, of url: TransportURL) throws -> Retention {
        switch text {
        case "none": return .none
        case "until-claimed": return .untilClaimed
        case "all": return .all
        default:
            guard let count = Int(text), count >= 1 else {
                throw url.invalid("retention", "'\(text)'", "none, until-claimed, all, or a number of messages, at least 1")
            }
            return .last(count)
        }
    }
}
