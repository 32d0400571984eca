internal import Millrace

/// Takes a command line apart.
struct CommandLineParser: Sendable {
    let commands: [Command]

    /// What a command line asks for.
    enum Request {
        /// The help of a command; nil for that of the tool.
        case help(Command?)
        /// Which version it is.
        case version
        case run(Command, Arguments)
    }

    /// Throws a ``UsageError`` that names what is wrong, and the nearest thing that would be right.
    func parse(_ words: [String]) throws -> Request {
        guard let first = words.first, first != "--help", first != "-h" else { return .help(nil) }
        guard first != "--version" else {
            guard words.count == 1 else { throw UsageError("'\(words[1])' is one word too many", command: nil) }
            return .version
        }
        guard first != "help" else {
            guard words.count > 1 else { return .help(nil) }
            return .help(try command(words[1]))
        }
        guard !first.hasPrefix("-") else {
            throw UsageError("options come behind the name of a command, and '\(first)' stands in front", command: nil)
        }
        let command = try command(first)
        return try arguments(Array(words.dropFirst()), of: command).map { .run(command, $0) } ?? .help(command)
    }

    private func command(_ name: String) throws -> Command {
        if let command = commands.first(where: { $0.name == name }) { return command }
        throw UsageError("there is no command '\(name)'" + Self.hint(name, among: commands.map(\.name)), command: nil)
    }

    /// Nil when help is asked for.
    private func arguments(_ words: [String], of command: Command) throws -> Arguments? {
        var arguments = Arguments(command.name)
        var rest = words[...]
        var loose: [String] = []
        while let word = rest.popFirst() {
            if word == "--" {
                loose += rest
                break
            }
            // A dash alone is a word: it stands for standard input.
            guard word.hasPrefix("-"), word != "-" else {
                loose.append(word)
                continue
            }
            let (option, inline) = try option(word, of: command)
            if option.name == Option.help.name { return nil }
            guard !arguments.has(option) || option.repeats else {
                throw UsageError("--\(option.name) is given twice", command: command.name)
            }
            arguments.add(try value(of: option, inline, &rest, command), to: option)
        }
        try assign(loose, of: command, &arguments)
        return arguments
    }

    /// The option that a word names, and the value behind its `=`.
    private func option(_ word: String, of command: Command) throws -> (Option, String?) {
        let isLong = word.hasPrefix("--")
        let body = word.dropFirst(isLong ? 2 : 1)
        let name = body.prefix { $0 != "=" }
        let inline = name.endIndex < body.endIndex ? String(body[name.endIndex...].dropFirst()) : nil
        let found = command.options.first { isLong ? $0.name == name : $0.letter.map(String.init) == String(name) }
        guard let found else {
            let known = command.options.map { "--\($0.name)" }
            throw UsageError(
                "there is no option '\(isLong ? "--" : "-")\(name)'" + Self.hint("--\(name)", among: known), command: command.name
            )
        }
        return (found, inline)
    }

    private func value(
        of option: Option, _ inline: String?, _ rest: inout ArraySlice<String>, _ command: Command
    ) throws -> String {
        guard let placeholder = option.value else {
            guard inline == nil else { throw UsageError("--\(option.name) takes no value", command: command.name) }
            return ""
        }
        guard let value = inline ?? rest.popFirst() else {
            throw UsageError("--\(option.name) needs a value: \(placeholder)", command: command.name)
        }
        try check(value, option.values, "--\(option.name)", command)
        return value
    }

    private func check(_ value: String, _ values: Option.Values, _ name: String, _ command: Command) throws {
        if case .listOf(let choices) = values { return try checkList(value, choices, name, command) }
        guard case .oneOf(let choices) = values, !choices.contains(value) else { return }
        throw UsageError(
            "\(name) is '\(value)', it must be one of: \(choices.joined(separator: ", "))"
                + Self.hint(value, among: choices), command: command.name)
    }

    private func checkList(_ value: String, _ choices: [String], _ name: String, _ command: Command) throws {
        for part in value.split(separator: ",", omittingEmptySubsequences: false).map(String.init) where !choices.contains(part) {
            throw UsageError(
                "\(name) has '\(part)', and there is none of that name" + Self.hint(part, among: choices), command: command.name)
        }
    }

    /// Gives each positional the words that it must have, from the first on, and what is left to those that take more.
    private func assign(_ words: [String], of command: Command, _ arguments: inout Arguments) throws {
        var rest = words[...]
        var needed = command.positionals.map(\.count.lowerBound).reduce(0, +)
        for positional in command.positionals {
            needed -= positional.count.lowerBound
            let count = min(positional.count.upperBound, max(positional.count.lowerBound, rest.count - needed))
            guard rest.count >= positional.count.lowerBound else {
                throw UsageError("\(positional.name) is missing: \(positional.help)", command: command.name)
            }
            for word in rest.prefix(count) {
                try check(word, positional.values, positional.name, command)
                arguments.add(word, to: positional)
            }
            rest = rest.dropFirst(count)
        }
        if let word = rest.first { throw UsageError("'\(word)' is one word too many", command: command.name) }
    }

    /// `; did you mean 'consume'?`, or nothing.
    private static func hint(_ name: String, among known: [String]) -> String {
        NearestName.of(name, among: known).map { "; did you mean '\($0)'?" } ?? ""
    }
}
