import Foundation
import Millrace
import TestSupport
import Testing

@testable import MillraceTool

/// `millrace topics`, and what becomes of topics that are not there.
@Suite struct TopicsTests {
    private let folder: TemporaryFolder
    private var url: String { "sqlite:\(folder.file("topics.db"))" }

    init() throws { folder = try TemporaryFolder() }

    private func run(_ words: String..., input: String = "") async throws -> ToolProcess.Result {
        try await ToolProcess.start(words + ["--url", url], input: input).end()
    }

    private func topics() async throws -> [TopicDescription] {
        let result = try await run("topics", "--format", "json")
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        return try lines.map { try JSONDecoder().decode(TopicDescription.self, from: Data($0.utf8)) }
    }

    @Test func listsTopicsWithTheirGroups() async throws {
        #expect(try await run("topics").output == "TOPIC  MESSAGES  GROUP  LAG\n")
        _ = try await run("produce", "orders", input: "1\n2\n3\n")
        _ = try await run("produce", "invoices.paid", input: "1\n")
        _ = try await run("consume", "orders", "--group", "ledger", "--limit", "2")
        _ = try await run("consume", "orders", "--group", "audit", "--limit", "1", "--peek")
        let result = try await run("topics")
        #expect(
            result.output == """
                TOPIC          MESSAGES  GROUP   LAG
                invoices.paid         1
                orders                3  audit     3
                                         ledger    1

                """)
        #expect(
            try await topics() == [
                TopicDescription(name: "invoices.paid", messages: 1, groups: []),
                TopicDescription(
                    name: "orders", messages: 3,
                    groups: [GroupDescription(name: "audit", lag: 3), GroupDescription(name: "ledger", lag: 1)]),
            ])
    }

    @Test func whatABrokerDoesNotSayIsADash() {
        let table = TopicTable([
            TopicDescription(name: "a", messages: nil, groups: nil),
            TopicDescription(name: "b", messages: 12_345, groups: [GroupDescription(name: "g", lag: nil)]),
        ])
        #expect(
            table.lines == [
                "TOPIC  MESSAGES  GROUP  LAG", "a             -  -        -", "b         12345  g        -",
            ])
    }

    @Test(arguments: [["replay", "nothing"], ["move", "nothing", "elsewhere"]])
    func whatIsNotThereIsNotMade(_ words: [String]) async throws {
        let result = try await ToolProcess.start(words + ["--url", url, "--idle", "300ms"]).end()
        #expect(result.code == 1)
        #expect(result.errors.contains("topic 'nothing': sqlite has no topic of that name"), "\(result.errors)")
        #expect(try await topics().isEmpty)
    }

    @Test func aReaderWaitsForATopicAndMakesNone() async throws {
        let idle = try await run("consume", "nothing", "--group", "g", "--idle", "300ms")
        #expect(idle.code == 0 && idle.output.isEmpty)
        #expect(idle.errors == "topic 'nothing' is not there yet; waiting for it\n")
        #expect(try await topics().isEmpty)

        // What comes first is not missed, though nobody had subscribed when it came.
        let process = try ToolProcess.start(["tail", "orders", "--format", "raw", "--url", url])
        try await process.wait(for: "the reader to wait") { process.errors.contains("waiting for it") }
        _ = try await run("produce", "orders", input: "1\n2\n")
        try await process.waitForOutput(lines: 2)
        process.signal(SIGINT)
        #expect(try await process.end().output == "1\n2\n")
    }

    @Test func aWaitingReaderEndsOnCtrlC() async throws {
        let process = try ToolProcess.start(["consume", "orders", "--url", url])
        try await process.wait(for: "the reader to wait") { process.errors.contains("waiting for it") }
        process.signal(SIGINT)
        #expect(try await process.end().code == 130)
        #expect(try await topics().isEmpty)
    }
}
