/// Help, written from the declarations.
enum HelpText {
    /// No line is wider, except for a word that is.
    static let width = 80

    /// That of the tool.
    static func tool(_ commands: [Command]) -> String {
        """
        Moves and looks at messages, and measures how fast they go.

        Usage: millrace COMMAND [OPTION ...]

        Commands:
        \(table(commands.map { ($0.name, $0.summary) }))

        'millrace help COMMAND' tells more about one of them, 'millrace --version' which
        version this is.

        Where messages are is a URL, such as redis://127.0.0.1:6379: of option --url, or
        else of the environment variable MILLRACE_URL.

        Exit codes:
        \(table(ExitCode.help.map { ("\($0.code)", $0.text) }))
        """
    }

    /// That of a command.
    static func command(_ command: Command) -> String {
        let usage = (["millrace", command.name, "[OPTION ...]"] + command.positionals.map(\.usage)).joined(separator: " ")
        var parts = ["\(command.summary).", "Usage: \(usage)"]
        if !command.discussion.isEmpty { parts.append(command.discussion.lines.map { wrapped($0) }.joined(separator: "\n")) }
        if !command.positionals.isEmpty {
            parts.append("Arguments:\n" + table(command.positionals.map { ($0.name, $0.help + note($0.values, nil)) }))
        }
        parts.append("Options:\n" + table(command.options.map { (written($0), $0.help + note($0.values, $0.fallback)) }))
        if !command.examples.isEmpty { parts.append("Examples:\n" + command.examples.map { "  \($0)" }.joined(separator: "\n")) }
        return parts.joined(separator: "\n\n")
    }

    /// `-g, --group NAME`
    private static func written(_ option: Option) -> String {
        (option.letter.map { "-\($0), " } ?? "    ") + "--\(option.name)" + (option.value.map { " \($0)" } ?? "")
    }

    private static func note(_ values: Option.Values, _ fallback: String?) -> String {
        var notes: [String] = []
        if case .oneOf(let choices) = values { notes.append(choices.joined(separator: ", ")) }
        if let fallback { notes.append("default: \(fallback)") }
        return notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))"
    }

    /// Two columns; the second one is wrapped.
    private static func table(_ rows: [(String, String)]) -> String {
        let column = min(28, rows.map(\.0.count).max() ?? 0) + 4
        return rows.map { name, text in
            let lines = wrapped(text, to: width - column).lines
            let head = "  " + name
            // A long name has a line of its own.
            let first = head.count + 2 <= column ? head.padded(to: column) : head + "\n" + String(repeating: " ", count: column)
            return first + lines.joined(separator: "\n" + String(repeating: " ", count: column))
        }.joined(separator: "\n")
    }

    private static func wrapped(_ text: String, to width: Int = width) -> String {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return (lines + [line]).joined(separator: "\n")
    }
}

extension String {
    /// The text with spaces up to a width.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// The text with spaces in front up to a width.
    func indented(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    var lines: [String] { split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
}
