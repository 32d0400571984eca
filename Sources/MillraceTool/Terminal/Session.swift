internal import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a command works with besides its arguments: input, output, the environment, and whether it is to end.
struct Session: Sendable {
    let output: Output
    let input: Input
    let interruption: Interruption
    let environment: [String: String]
    /// Whether a person looks at standard error.
    let showsProgress: Bool
    /// The transports that URLs can name.
    var registry = Tool.registry

    /// That of the process. Takes over Ctrl-C and SIGTERM.
    static func standard() -> Session {
        let interruption = Interruption()
        interruption.listen()
        return Session(
            output: Output(STDOUT_FILENO), input: Input(STDIN_FILENO, interruption), interruption: interruption,
            environment: ProcessEnvironment.variables, showsProgress: isatty(STDERR_FILENO) != 0)
    }

    /// Writes a line to standard error.
    func complain(_ text: String) { ConsoleLog.writeToStandardError(text) }
}
