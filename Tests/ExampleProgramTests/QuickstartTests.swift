import TestSupport
import Testing

/// The first program that a reader starts ends by itself, and well.
@Suite(.timeLimit(.minutes(1))) struct QuickstartTests {
    @Test func accountsForAllOrders() async throws {
        let folder = try TemporaryFolder()
        let process = try ChildProcess(program: "quickstart", [], log: folder.file("log"))
        let status = try await BlockingCall.run { process.end() }
        let lines = process.lines
        #expect(status == 0)
        #expect(lines.count { $0.hasSuffix(": shipped") } == 20, "\(lines)")
        #expect(lines.contains("  order 13 of edsger: set aside, because the bank did not answer"), "\(lines)")
        #expect(lines.contains("  order 20 of ada: invoiced at attempt 3"), "\(lines)")
        #expect(lines.contains { $0.contains("24 orders placed = 20 shipped + 4 set aside; none is missing") }, "\(lines)")
    }
}
