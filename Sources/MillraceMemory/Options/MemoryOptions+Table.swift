import MillraceTransportKit

extension MemoryOptions {
    /// The options of URLs, with their bounds, which hold in code as well.
    static let table = OptionTable(defaults: MemoryOptions()) {
        Option("capacity", \.capacity, 1..., "The most messages that a consumer group holds, in flight ones included.")
        Option(
            "overflow", \.overflow,
            ["wait": .wait, "refuse": .refuse, "drop-oldest": .dropOldest, "drop-newest": .dropNewest],
            "What happens when there is no room.")
        Option("retention", \.retention, .retention, "What is kept for consumer groups that come later.")
        Option(deadLetters: \.deadLetters, DeadLetters.topicSuffix, orDrop: .drop) {
            if case .topicSuffix(let suffix) = $0 { suffix } else { nil }
        }
        Option(
            "publish-returns", \.publishReturns, ["when-stored": .whenStored, "when-acknowledged": .whenAcknowledged],
            "When publishing is done.")
        Option("maximum-delayed", \.maximumDelayed, 1..., "The most messages of all topics that wait to be published later.")
    }
}

extension OptionValue where Value == MemoryOptions.Retention {
    /// A word, or how many of the last messages are kept.
    fileprivate static var retention: Self {
        OptionValue("none, until-claimed, all, or a number of messages, at least 1") { text in
            switch text {
            case "none": MemoryOptions.Retention.none
            case "until-claimed": .untilClaimed
            case "all": .all
            default: Int(text).map { .last($0) }
            }
        } text: { retention in
            switch retention {
            case .none: "none"
            case .untilClaimed: "until-claimed"
            case .all: "all"
            case .last(let count): "\(count)"
            }
        } allows: { retention in
            if case .last(let count) = retention { count >= 1 } else { true }
        }
    }
}
