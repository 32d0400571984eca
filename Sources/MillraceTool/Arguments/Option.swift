/// An option of a command: how it is written, and what its help says.
struct Option: Sendable {
    /// What a value can be completed to.
    enum Values: Sendable, Equatable {
        /// Anything.
        case any
        /// One of these, and nothing else.
        case oneOf([String])
        /// Some of these, with commas between them, and nothing else.
        case listOf([String])
        /// The path of a file.
        case file
    }

    /// Without the dashes.
    let name: String
    /// A single letter that stands for the name; nil for none.
    let letter: Character?
    /// What the value is called in the help; nil for an option that takes none.
    let value: String?
    let values: Values
    /// Whether it may be given more than once.
    let repeats: Bool
    /// What counts when it is not given; nil for nothing.
    let fallback: String?
    /// One sentence without an end.
    let help: String

    /// An option with a value.
    init(
        _ name: String, _ letter: Character? = nil, value: String, _ values: Values = .any, repeats: Bool = false,
        fallback: String? = nil, help: String
    ) {
        self.name = name
        self.letter = letter
        self.value = value
        self.values = values
        self.repeats = repeats
        self.fallback = fallback
        self.help = help
    }

    /// An option without a value, which is given or not.
    init(flag name: String, _ letter: Character? = nil, help: String) {
        self.name = name
        self.letter = letter
        value = nil
        values = .any
        repeats = false
        fallback = nil
        self.help = help
    }

    /// Every command has it.
    static let help = Option(flag: "help", "h", help: "Show this help")
}

/// A word of a command that is no option.
struct Positional: Sendable {
    /// What it is called in the help, in capitals.
    let name: String
    /// How many there may be.
    let count: ClosedRange<Int>
    let values: Option.Values
    /// One sentence without an end.
    let help: String

    init(_ name: String, _ count: ClosedRange<Int> = 1...1, _ values: Option.Values = .any, help: String) {
        self.name = name
        self.count = count
        self.values = values
        self.help = help
    }

    /// `TOPIC`, `[FILE ...]`.
    var usage: String {
        let text = count.upperBound > 1 ? "\(name) ..." : name
        return count.lowerBound == 0 ? "[\(text)]" : text
    }
}
