import Foundation
import Testing

@testable import MillraceTool

/// A short run of everything, in memory.
@Suite struct BenchTests {
    @Test func measuresAndChecksEveryScenario() async throws {
        let result = try await ToolProcess.run(
            "bench", "--quick", "--count", "1000", "--url", "memory:", "--scenario", "all", "--keys", "--format", "json")
        #expect(result.code == 0, "\(result.errors)")
        let report = try JSONDecoder().decode(BenchReport.self, from: Data(result.output.utf8))
        #expect(report.system == "memory")
        #expect(report.rows.map(\.scenario) == BenchScenario.all.map(\.name))
        for row in report.rows {
            #expect(row.complaint == nil)
            #expect(row.runs.count == 2)
            #expect(row.messages == 1_000)
            #expect((row.messagesPerSecond?.median ?? 0) > 0)
            #expect(row.peakMiB > 0)
            #expect(row.latencyMicroseconds.isEmpty == (row.scenario != "latency"))
        }
    }

    @Test func printsATable() async throws {
        let result = try await ToolProcess.run(
            "bench", "--quick", "--count=1000", "--url=memory:", "-s", "drain", "--size", "16,1024")
        #expect(result.code == 0)
        let lines = result.output.lines
        #expect(lines[1] == BenchRow.header)
        #expect(lines[2].hasPrefix("drain                 16"))
        #expect(lines[3].hasPrefix("drain               1024"))
        #expect(lines[2].hasSuffix("  ok"))
    }

    @Test func needsToKnowWhere() async throws {
        let result = try await ToolProcess(ToolProcess.tool, ["bench"], environment: ["MILLRACE_URL": ""]).end()
        #expect(result.code == 2)
        #expect(result.errors.contains("there is no --url, and $MILLRACE_URL is not set"))
    }

    @Test func endsOnCtrlC() async throws {
        let process = try ToolProcess.start(["bench", "--url", "memory:", "-s", "latency", "--size", "16", "--rate", "200"])
        try await process.waitForOutput(lines: 2)
        process.signal(2)
        let result = try await process.end()
        #expect(result.code == 130, "\(result.errors)")
    }
}
