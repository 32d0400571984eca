import Foundation
import Testing

@testable import MillraceTool

/// Docs/tool.md has the help of every command as the tool prints it.
@Suite struct DocumentTests {
    private let document: String

    init() throws {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        document = try String(contentsOf: package.appendingPathComponent("Docs/tool.md"), encoding: .utf8)
    }

    @Test func hasTheHelpOfTheTool() {
        #expect(document.contains("\n## millrace\n\n```text\n\(HelpText.tool(Tool.commands))\n```\n"))
    }

    @Test(arguments: Tool.commands.map(\.name)) func hasTheHelpOfACommand(_ name: String) throws {
        let command = try #require(Tool.commands.first { $0.name == name })
        #expect(document.contains("\n## millrace \(name)\n\n```text\n\(HelpText.command(command))\n```\n"))
    }

    @Test func namesEveryExitCode() {
        for (code, _) in ExitCode.help { #expect(document.contains("\(code)")) }
    }
}
