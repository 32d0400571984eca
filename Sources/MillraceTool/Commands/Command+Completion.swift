extension Command {
    private static let shell = Positional("SHELL", 1...1, .oneOf(CompletionScript.shells), help: "The shell")

    /// Prints a script that completes the tool's command lines.
    static let completion = Command(
        "completion", "Prints a script that lets a shell complete command lines of millrace", [shell],
        examples: ["eval \"$(millrace completion bash)\"", "millrace completion zsh >~/.zfunc/_millrace"]
    ) { arguments, session in
        session.output.print(CompletionScript.text(for: arguments.word(shell), Tool.commands))
        return ExitCode.success
    }
}
