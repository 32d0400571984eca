internal import Millrace

/// What was written behind the name of a command.
struct Arguments: Sendable {
    /// The name of the command, for errors.
    let command: String
    /// By the name of the option; an empty text for an option without a value.
    private(set) var values: [String: [String]] = [:]
    /// By the name of the positional.
    private(set) var words: [String: [String]] = [:]

    init(_ command: String) { self.command = command }

    mutating func add(_ value: String, to option: Option) { values[option.name, default: []].append(value) }

    mutating func add(_ word: String, to positional: Positional) { words[positional.name, default: []].append(word) }

    // MARK: Reading

    /// Whether an option was given.
    func has(_ option: Option) -> Bool { values[option.name] != nil }

    /// The value of an option, or its fallback.
    func text(_ option: Option) -> String? { values[option.name]?.last ?? option.fallback }

    /// All values of an option that may be given more than once.
    func texts(_ option: Option) -> [String] { values[option.name] ?? option.fallback.map { [$0] } ?? [] }

    /// All parts of all values of an option that takes a list.
    func list(_ option: Option) -> [String] { texts(option).flatMap { $0.split(separator: ",").map(String.init) } }

    /// The words of a positional.
    func words(_ positional: Positional) -> [String] { words[positional.name] ?? [] }

    /// The word of a positional that has exactly one; empty when there is none.
    func word(_ positional: Positional) -> String { words(positional).first ?? "" }

    /// A whole number within bounds; nil when the option was not given and has no fallback.
    func number(_ option: Option, _ bounds: ClosedRange<Int> = 1...Int.max) throws -> Int? {
        guard let text = text(option) else { return nil }
        // 100_000 and 100,000 are easier to read.
        let digits = text.filter { $0 != "_" && $0 != "," }
        guard let number = Int(digits), bounds.contains(number) else {
            let upper =
                bounds.upperBound == .max ? "from \(bounds.lowerBound) on" : "from \(bounds.lowerBound) to \(bounds.upperBound)"
            throw invalid(option, text, "a whole number \(upper)")
        }
        return number
    }

    /// Whole numbers within bounds, separated by commas.
    func numbers(_ option: Option, _ bounds: ClosedRange<Int> = 1...Int.max) throws -> [Int] {
        let text = text(option) ?? ""
        return try text.split(separator: ",").map { part in
            guard let number = Int(part), bounds.contains(number) else {
                throw invalid(option, text, "whole numbers from \(bounds.lowerBound) on, separated by commas")
            }
            return number
        }
    }

    /// A duration of more than zero: `500ms`, `5s`, `1m`.
    func duration(_ option: Option) throws -> Duration? {
        guard let text = text(option) else { return nil }
        guard let duration = DurationText.parse(text), duration > .zero else { throw invalid(option, text, DurationText.bound) }
        return duration
    }

    /// A rate in messages: `500` or `500/s`, `30/m`, `10/h`.
    func rate(_ option: Option) throws -> (count: Int, interval: Duration)? {
        guard let text = text(option) else { return nil }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let units: [Substring: Duration] = ["s": .seconds(1), "m": .seconds(60), "h": .seconds(3_600)]
        guard let count = Int(parts[0]), count >= 1, count <= 1_000_000_000,
            let interval = parts.count == 1 ? .seconds(1) : units[parts[1]]
        else { throw invalid(option, text, "a number of messages with /s, /m or /h: 500/s") }
        return (count, interval)
    }

    /// `name=value`, as often as it was given.
    func pairs(_ option: Option) throws -> [(name: String, value: String)] {
        try texts(option).map { text in
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw invalid(option, text, "a name, '=' and a value")
            }
            return (String(text[..<equals]), String(text[text.index(after: equals)...]))
        }
    }

    /// An error about an option: names it, its value and its bound.
    func invalid(_ option: Option, _ value: String, _ bound: String) -> UsageError {
        UsageError("--\(option.name) is '\(value)', it must be \(bound)", command: command)
    }
}

/// What is wrong with a command line.
struct UsageError: Error, CustomStringConvertible {
    let description: String
    /// The command whose help tells more; nil for the tool's own.
    let command: String?

    init(_ description: String, command: String?) {
        self.description = description
        self.command = command
    }
}
