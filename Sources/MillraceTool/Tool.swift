internal import Millrace

/// The tool: its commands, and what is around each of them.
enum Tool {
    static let commands: [Command] = [
        .produce, .consume, .tail, .move, .replay, .topics, .describe, .check, .conform, .bench, .chart, .completion,
    ]

    /// Does what a command line asks for and returns the exit code. Answers go to the session's output, everything else to
    /// standard error.
    ///
    /// Concurrent: the main thread only waits.
    @concurrent static func run(_ words: [String], _ session: Session) async -> Int32 {
        do {
            let code =
                switch try CommandLineParser(commands: commands).parse(words) {
                case .help(let command): help(command, session)
                case .version: version(session)
                case .run(let command, let arguments): try await command.run(arguments, session)
                }
            try session.output.flush()
            return session.interruption.exitCode ?? code
        } catch let error as UsageError {
            let command = error.command.map { " \($0)" } ?? ""
            session.complain("millrace\(command): \(error)\nTry 'millrace\(command) --help'.")
            return ExitCode.usage
        } catch is BrokenPipe {
            return ExitCode.brokenPipe
        } catch {
            if let code = session.interruption.exitCode, error is CancellationError { return code }
            let message = (error as? MillraceError)?.sentence ?? "\(error)"
            session.complain("millrace\(words.first.map { " \($0)" } ?? ""): \(message)")
            return ExitCode.failure
        }
    }

    private static func version(_ session: Session) -> Int32 {
        session.output.print("millrace \(MillraceRelease.version)")
        return ExitCode.success
    }

    private static func help(_ command: Command?, _ session: Session) -> Int32 {
        session.output.print(command.map(HelpText.command) ?? HelpText.tool(commands))
        return ExitCode.success
    }
}

extension MillraceError {
    /// What happened and why, without the code, which is for programs.
    var sentence: String { message + (underlying.map { ": \(($0 as? MillraceError)?.sentence ?? "\($0)")" } ?? "") }
}
