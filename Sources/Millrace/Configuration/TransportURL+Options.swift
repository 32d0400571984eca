extension TransportURL {
    /// Takes out an option that is a whole number; nil when it is not there. Throws a ``MillraceError`` of code `invalidOption`
    /// when it is out of `range`, which defaults to 1 and more.
    public mutating func takeNumber(_ name: String, in range: ClosedRange<Int> = 1...Int.max) throws -> Int? {
        guard let text = take(name) else { return nil }
        guard let number = Int(text), range.contains(number) else { throw invalid(name, shown(text, of: name), range.bound) }
        return number
    }

    /// Takes out an option that is a duration, such as `500ms`, `5s`, `1m`, `2h` or `7d`, a bare number being seconds; nil when
    /// it is not there. Throws a ``MillraceError`` of code `invalidOption` for other text, and for what is less than `minimum`,
    /// which defaults to 1 millisecond, or more than 366 days.
    public mutating func takeDuration(_ name: String, atLeast minimum: Duration = .milliseconds(1)) throws -> Duration? {
        guard let text = take(name) else { return nil }
        guard let duration = DurationText.parse(text), duration >= minimum else {
            throw invalid(name, shown(text, of: name), "\(DurationText.bound); at least \(minimum)")
        }
        return duration
    }

    /// Takes out an option that is a list of durations with commas between them, each as in ``takeDuration(_:atLeast:)``; empty
    /// when it is not there.
    package mutating func takeDurations(_ name: String, atLeast minimum: Duration = .milliseconds(1)) throws -> [Duration] {
        guard let text = take(name) else { return [] }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let duration = DurationText.parse(part), duration >= minimum else {
                throw invalid(name, shown(text, of: name), "\(DurationText.bound), with commas between them; at least \(minimum)")
            }
            return duration
        }
    }

    /// Takes out an option that is `true` or `false`, which `1` and `0` stand for as well; nil when it is not there. Throws a
    /// ``MillraceError`` of code `invalidOption` for other text.
    public mutating func takeFlag(_ name: String) throws -> Bool? {
        switch take(name) {
        case nil: return nil
        case "true", "1": return true
        case "false", "0": return false
        case let text?: throw invalid(name, shown(text, of: name), "true or false")
        }
    }

    /// Takes out an option that is one of some words; nil when it is not there. Throws a ``MillraceError`` of code
    /// `invalidOption` that lists the words for any other.
    public mutating func takeChoice<Value>(_ name: String, _ choices: KeyValuePairs<String, Value>) throws -> Value? {
        guard let text = take(name) else { return nil }
        guard let choice = choices.first(where: { $0.key == text }) else {
            throw invalid(name, shown(text, of: name), "one of \(choices.map(\.key).joined(separator: ", "))")
        }
        return choice.value
    }

    /// Takes out a secret: from option `name` itself, from the file that `name-file` names, without a line break at its end, or
    /// from the variable of the environment that `name-env` names; nil when none of them is there.
    ///
    /// - Throws: A ``MillraceError`` of code `invalidOption` when more than one of them is there, when the file can't be read,
    ///   holds no text or more than 64 kilobytes of it, when there is no such variable, or when the secret is empty. It names
    ///   the file or the variable, never the secret.
    public mutating func takeSecret(_ name: String) throws -> String? {
        let inline = take(name)
        let file = take("\(name)-file")
        let variable = take("\(name)-env")
        guard [inline, file, variable].count(where: { $0 != nil }) <= 1 else {
            throw invalid(name, "given more than once", "given once: as \(name), \(name)-file or \(name)-env")
        }
        if let variable {
            guard let secret = environment[variable] else {
                throw invalid("\(name)-env", "'\(variable)'", "the name of a variable that is set")
            }
            guard !secret.isEmpty else {
                throw invalid("\(name)-env", "'\(variable)'", "the name of a variable that is not empty")
            }
            return secret
        }
        guard let file else { return inline }
        do {
            return try Self.secret(inFile: file)
        } catch {
            throw invalid("\(name)-file", "'\(file)'", "a file with the secret as text; \(error.reason)")
        }
    }

    private static let maximumSecretSize = 65_536

    private static func secret(inFile path: String) throws(UnreadableFile) -> String {
        var text = try TextFile.read(path, upTo: maximumSecretSize)
        if text.last?.isNewline == true { text.removeLast() }
        guard !text.isEmpty else { throw UnreadableFile(reason: "it is empty") }
        return text
    }

    private func shown(_ text: String, of name: String) -> String { SecretName.mayHide(name) ? "not shown" : "'\(text)'" }
}

extension ClosedRange where Bound == Int {
    /// What an error says of a number that is out of the range.
    var bound: String { upperBound == .max ? "a whole number, at least \(lowerBound)" : "\(lowerBound) to \(upperBound)" }
}
