import Millrace
import Testing

@testable import MillraceTool

/// The program as it is started from a shell.
@Suite struct ProgramTests {
    @Test func printsHelpAndSucceeds() async throws {
        let result = try await ToolProcess.run("--help")
        #expect(result.code == 0)
        #expect(result.output == HelpText.tool(Tool.commands) + "\n")
        #expect(result.errors.isEmpty)
    }

    @Test func saysWhichVersionItIs() async throws {
        let result = try await ToolProcess.run("--version")
        #expect(result.code == 0 && result.errors.isEmpty)
        #expect(result.output == "millrace \(MillraceRelease.version)\n")
        #expect(try #require(result.output.wholeMatch(of: /millrace (\d+\.\d+\.\d+)\n/)).1.count >= 5)
    }

    @Test func refusesAWrongCommandLine() async throws {
        let result = try await ToolProcess.run("completon", "bash")
        #expect(result.code == 2)
        #expect(result.output.isEmpty)
        #expect(result.errors.hasPrefix("millrace: there is no command 'completon'; did you mean 'completion'?\n"))
    }

    /// What the script says is what a shell can read.
    @Test func bashReadsItsCompletion() async throws {
        let script = try await ToolProcess.run("completion", "bash").output
        let check = """
            \(script)
            COMP_WORDS=(millrace completion ''); COMP_CWORD=2; _millrace; echo "${COMPREPLY[*]}"
            COMP_WORDS=(millrace comp); COMP_CWORD=1; _millrace; echo "${COMPREPLY[*]}"
            COMP_WORDS=(millrace completion --h); COMP_CWORD=2; _millrace; echo "${COMPREPLY[*]}"
            """
        let result = try await ToolProcess("/bin/bash", ["-c", check]).end()
        #expect(result.errors.isEmpty)
        #expect(result.output == "bash zsh\ncompletion\n--help\n")
    }
}
