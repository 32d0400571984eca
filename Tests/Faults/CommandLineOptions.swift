import Millrace

/// The `--name value` pairs of a command line, taken out one by one.
struct CommandLineOptions {
    private var values: [String: String] = [:]
    private var flags: Set<String> = []

    /// `flags` are the options that have no value.
    init(_ words: [String], flags known: Set<String> = []) throws {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else { throw Self.error("'\(word)' is no option; options begin with --") }
            let name = String(word.dropFirst(2))
            if known.contains(name) {
                flags.insert(name)
            } else {
                guard let value = rest.popFirst() else { throw Self.error("--\(name) has no value") }
                values[name] = value
            }
        }
    }

    mutating func takeFlag(_ name: String) -> Bool { flags.remove(name) != nil }

    mutating func take(_ name: String) -> String? { values.removeValue(forKey: name) }

    mutating func require(_ name: String) throws -> String {
        guard let value = take(name) else { throw Self.error("--\(name) is missing") }
        return value
    }

    mutating func takeNumber(_ name: String, in bounds: ClosedRange<Int>) throws -> Int? {
        guard let text = take(name) else { return nil }
        guard let number = Int(text), bounds.contains(number) else {
            throw Self.error("--\(name) is '\(text)', it must be \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return number
    }

    /// Names separated by commas, each of them one of `known`; all of these when the option is not given.
    mutating func takeNames<Name: CaseIterable & RawRepresentable>(_ name: String, of known: Name.Type) throws -> [Name]
    where Name.RawValue == String {
        guard let text = take(name) else { return Array(known.allCases) }
        return try text.split(separator: ",").map { part in
            guard let value = Name(rawValue: String(part)) else {
                let all = known.allCases.map(\.rawValue).joined(separator: ", ")
                throw Self.error("--\(name) is '\(part)', it must be one of: \(all)")
            }
            return value
        }
    }

    /// Refuses what was not taken.
    func finish() throws {
        if let name = (Array(values.keys) + flags).min() { throw Self.error("there is no option --\(name)") }
    }

    private static func error(_ text: String) -> MillraceError { MillraceError(.invalidOption, text, isRetriable: false) }
}
