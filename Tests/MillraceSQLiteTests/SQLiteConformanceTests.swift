import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// The conformance suite, each check on a file of its own.
@Suite struct SQLiteConformanceTests {
    @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
        try await Self.turnstile.pass {
            let folder = try TemporaryFolder()
            _ = try await test.run(on: .sqlite(folder))
        }
    }

    // Few at a time: on a busy machine members would outlive their leases.
    private static let turnstile = Turnstile(16)

    /// Time is moved by hand, so that what is timed is exact.
    @Test(arguments: ConformanceTest.all.filter(\.isTimed)) func conformsByAManualClock(_ test: ConformanceTest) async throws {
        let folder = try TemporaryFolder()
        _ = try await test.run(on: .sqlite(folder, clock: ManualClock()))
    }
}

extension ConformanceSubject {
    static func sqlite(_ folder: TemporaryFolder, clock: ManualClock? = nil) -> ConformanceSubject {
        var subject = ConformanceSubject(
            clock == nil ? "sqlite" : "sqlite by a manual clock",
            capabilities: [
                .durable, .groups, .ordered, .orderedByKey, .orderedAcrossMembers, .nativeDelay, .delayedRetry, .attemptCount,
                .replay, .leases, .deadLetters, .startAtPosition, .transactions,
            ]
        ) {
            try await SQLiteTransport(
                SQLiteOptions(path: folder.file("messages.db"), synchronous: .normal), clock: clock ?? SystemClock.shared,
                observers: Observers())
        }
        subject.manualClock = clock
        subject.lease = .seconds(3)
        subject.idleTimeout = .seconds(60)
        return subject
    }
}
