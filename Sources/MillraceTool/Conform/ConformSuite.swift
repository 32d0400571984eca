internal import MillraceTesting

/// Checks to run on a subject.
struct ConformSuite: Sendable {
    let subject: ConformanceSubject
    let tests: [ConformanceTest]
    /// How many checks run side by side.
    let tasks: Int

    /// Runs the checks, and hands each result to `report` when it is there. Throws `CancellationError`, with what was begun brought to
    /// its end, when the task is cancelled.
    func run(report: (ConformRow) throws -> Void) async throws {
        var waiting = tests[...]
        try await withThrowingTaskGroup(of: ConformRow.self) { group in
            func begin(_ test: ConformanceTest) { group.addTask { await ConformRow.of(test, on: subject) } }
            for test in waiting.prefix(tasks) { begin(test) }
            waiting = waiting.dropFirst(tasks)
            while let row = try await group.next() {
                // What fails now fails because nobody waits for it any more.
                try Task.checkCancellation()
                try report(row)
                if let test = waiting.popFirst() { begin(test) }
            }
        }
    }
}
