/// A command of the tool: what can be written behind its name, and what it does.
struct Command: Sendable {
    let name: String
    /// What it does, in one line, without an end.
    let summary: String
    /// What there is to know beyond that; empty for nothing.
    let discussion: String
    let positionals: [Positional]
    let options: [Option]
    /// Command lines that show it at work.
    let examples: [String]
    /// Does it. Returns an exit code; see ``ExitCode``.
    let run: @Sendable (Arguments, Session) async throws -> Int32

    init(
        _ name: String, _ summary: String, discussion: String = "", _ positionals: [Positional] = [], _ options: [Option] = [],
        examples: [String] = [], run: @escaping @Sendable (Arguments, Session) async throws -> Int32
    ) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.positionals = positionals
        self.options = options + [.help]
        self.examples = examples
        self.run = run
    }
}

/// How the tool ends.
enum ExitCode {
    /// It did what was asked for.
    static let success: Int32 = 0
    /// It could not.
    static let failure: Int32 = 1
    /// The command line is wrong; nothing was done.
    static let usage: Int32 = 2
    /// It was asked to end by Ctrl-C, and ended in good order.
    static let interrupted: Int32 = 130
    /// Whoever read its output is gone.
    static let brokenPipe: Int32 = 141
    /// It was asked to end by SIGTERM, and ended in good order.
    static let terminated: Int32 = 143

    static let help: [(code: Int32, text: String)] = [
        (success, "done"), (failure, "failed"), (usage, "the command line is wrong"),
        (interrupted, "ended by Ctrl-C, in good order"), (brokenPipe, "whoever read the output is gone"),
        (terminated, "ended by SIGTERM, in good order"),
    ]
}
