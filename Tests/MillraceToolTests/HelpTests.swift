import Testing

@testable import MillraceTool

@Suite struct HelpTests {
    @Test func theToolNamesEveryCommand() {
        let text = HelpText.tool(Tool.commands)
        for command in Tool.commands { #expect(text.contains("  \(command.name)")) }
    }

    /// Help that is wider than the terminal is hard to read; a single long word has to be.
    @Test(arguments: Tool.commands.map(\.name)) func aCommandNamesItsOptionsWithinTheWidth(_ name: String) throws {
        let command = try #require(Tool.commands.first { $0.name == name })
        let text = HelpText.command(command)
        for option in command.options { #expect(text.contains("--\(option.name)")) }
        for line in text.lines where !line.hasPrefix("  millrace") && !line.contains("| millrace") {
            #expect(line.count <= HelpText.width, "\(line)")
        }
        let letters = command.options.compactMap(\.letter)
        #expect(Set(letters).count == letters.count)
        #expect(Set(command.options.map(\.name)).count == command.options.count)
    }

    @Test(arguments: CompletionScript.shells) func completionKnowsEveryOption(_ shell: String) {
        let text = CompletionScript.text(for: shell, Tool.commands)
        for command in Tool.commands {
            #expect(text.contains("\(command.name))"))
            for option in command.options { #expect(text.contains("--\(option.name)")) }
        }
    }
}
