import Foundation
import Millrace
import TestSupport
import Testing

/// The example `pipeline` on a file goes on where it was, however it was stopped.
@Suite struct PipelineTests {
    @Test(arguments: [9, 15]) func goesOnWhereItWas(_ signal: Int32) async throws {
        let folder = try TemporaryFolder()
        let url = "sqlite:\(folder.file("demo.db"))?synchronous=normal"
        // Thread sanitizer does not see the standard library's `Mutex`, which the example uses, and reports what it guards.
        let environment = ["TSAN_OPTIONS": "exitcode=0"]
        let first = try ChildProcess(program: "pipeline", ["--forever", "--url", url], log: folder.file("first"))
        try await onThread {
            try first.wait(for: "three invoices") { first.lines.count { $0.contains("= ledger") } >= 3 }
            first.kill(signal)
        }
        let placed = try RawDatabase(folder.file("demo.db")).number("SELECT last FROM millrace_topics WHERE name = 'orders'")
        let second = try ChildProcess(
            program: "pipeline", ["--url", url], environment: environment, log: folder.file("second"))
        let status = try await onThread { second.end() }
        #expect(status == 0)
        let lines = second.lines
        #expect(lines.contains("  : order \(placed) was the last one before; going on behind it"))
        #expect(lines.contains("out of key order   0"), "\(lines.suffix(10).joined(separator: "\n"))")
        #expect(lines.contains("orders placed      40"))
        // What the first run had in hand when it was killed comes back after its lease, if not to this run then to the next.
        let database = try RawDatabase(folder.file("demo.db"))
        try database.execute("CREATE TABLE marks AS SELECT id, last FROM millrace_topics")
        let third = try ChildProcess(program: "pipeline", ["--forever", "--url", url], log: folder.file("third"))
        try await waitUntil("nothing is left of either run") {
            try database.number(
                """
                SELECT count(*) FROM millrace_groups g JOIN marks m ON m.id = g.topic WHERE g.cursor < m.last
                OR EXISTS (SELECT 1 FROM millrace_claims c WHERE c.grp = g.id AND c.position <= m.last)
                """) == 0
        }
        third.kill(15)
    }

    /// Runs what blocks where it holds up no task.
    private func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result(catching: body)) }.start()
        }
    }
}
