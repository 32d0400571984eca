import Millrace
import MillraceSQLite
import MillraceTesting

/// The conformance suite on a file that other processes work on at the same time.
enum Conformance {
    /// Returns whether everything has passed.
    static func run(_ url: String) async throws -> Bool {
        let subject = subject(url)
        // All at once would be more than a machine with few cores gets done within the suite's limits.
        var waiting = ConformanceTest.all[...]
        return try await withThrowingTaskGroup(of: Bool.self) { tasks in
            var passed = true
            for test in waiting.prefix(8) { tasks.addTask { await run(test, on: subject) } }
            waiting = waiting.dropFirst(8)
            while let result = try await tasks.next() {
                passed = passed && result
                if let test = waiting.popFirst() { tasks.addTask { await run(test, on: subject) } }
            }
            return passed
        }
    }

    private static func run(_ test: ConformanceTest, on subject: ConformanceSubject) async -> Bool {
        do {
            try await test.run(on: subject)
            return true
        } catch {
            SQLiteMember.write(["failed: \(error)"])
            return false
        }
    }

    private static func subject(_ url: String) -> ConformanceSubject {
        var subject = ConformanceSubject(
            "sqlite, shared",
            capabilities: [
                .durable, .groups, .ordered, .orderedByKey, .orderedAcrossMembers, .nativeDelay, .delayedRetry, .attemptCount,
                .replay, .leases, .deadLetters, .startAtPosition, .transactions,
            ]
        ) {
            try await SQLiteTransport(SQLiteOptions(url: url), observers: Observers())
        }
        subject.lease = .seconds(4)
        subject.idleTimeout = .seconds(100)
        return subject
    }
}
