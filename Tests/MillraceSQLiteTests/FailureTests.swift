import Foundation
import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// What goes wrong with files: errors are clear, and what was accepted is not lost.
@Suite struct FailureTests {
    @Test func fullFileRefusesAndGoesOnWhenThereIsRoom() async throws {
        let folder = try TemporaryFolder()
        let observer = RecordingObserver()
        let small = try await SQLiteTransport.open(folder, observers: Observers([observer])) { $0.maximumSize = 400_000 }
        let subscription = try await small.subscribe(to: "t", SubscriptionOptions(group: "g", prefetch: 8))
        var accepted = 0
        var refusal: MillraceError?
        while refusal == nil, accepted < 1_000 {
            refusal = await millraceError {
                try await small.publish(Message(payload: [UInt8](repeating: 1, count: 4_000)), to: "t")
            }
            if refusal == nil { accepted += 1 }
        }
        #expect(refusal?.code == .publishFailed)
        #expect(refusal?.isRetriable == true)
        let reason = refusal?.failures.first?.error as? MillraceError
        #expect(reason?.code == .overflow)
        #expect(reason?.message.contains("messages.db' has no room") == true)
        #expect(accepted > 50)
        // What can be read can be handled, once there is room: retention makes it here.
        await subscription.close()
        await small.close()
        let roomy = try await SQLiteTransport.open(folder)
        let again = try await roomy.subscribe(to: "t", SubscriptionOptions(group: "g"))
        let records = try await again.take(accepted)
        #expect(Set(records.map(\.message.id)).count == accepted)
        again.acknowledge(records.map(\.token))
        try await again.flush()
        try await roomy.publish(Message(text: "more"), to: "t")
        #expect(try await again.take(1).map(\.text) == ["more"])
        await roomy.close()
        #expect(try RawDatabase(folder.file("messages.db")).texts("PRAGMA integrity_check") == ["ok"])
    }

    @Test func oneCallThatFailsFailsAlone() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder) { $0.maximumSize = 1_000_000 }
        // Held up by a lock, the calls below go into one transaction.
        let database = try RawDatabase(folder.file("messages.db"))
        try database.execute("BEGIN IMMEDIATE")
        let small = Task { try await broker.publish(Message(text: "small"), to: "t") }
        let large = Task { try await broker.publish(Message(payload: [UInt8](repeating: 1, count: 2_000_000)), to: "t") }
        let other = Task { try await broker.publish(Message(text: "other"), to: "u") }
        try await SystemClock.shared.sleep(for: .milliseconds(50))
        try database.execute("COMMIT")
        try await small.value
        try await other.value
        #expect(await millraceError { try await large.value }?.code == .publishFailed)
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        #expect(try await reader.take(1).map(\.text) == ["small"])
        #expect(try await reader.isEmpty())
        await broker.close()
    }

    @Test func lockedFileIsWaitedForAndThenGivenUp() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder) { $0.busyTimeout = .milliseconds(50) }
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try await broker.publish(Message(text: "0"), to: "t")
        let first = try await subscription.take(1)
        let database = try RawDatabase(folder.file("messages.db"))
        try database.execute("BEGIN IMMEDIATE")
        let error = await millraceError { try await broker.publish(Message(text: "lost"), to: "t") }
        #expect(error?.isRetriable == true)
        let reason = error?.failures.first?.error as? MillraceError
        #expect(reason?.code == .connectionFailed)
        #expect(reason?.message.contains("is locked by somebody else for longer than busyTimeout") == true)
        // An acknowledgement that can't be written now is written later.
        subscription.acknowledge(first.map(\.token))
        #expect(await millraceError { try await subscription.flush() }?.code == .connectionFailed)
        try database.execute("COMMIT")
        try await subscription.flush()
        try await broker.publish(Message(text: "1"), to: "t")
        #expect(try await subscription.take(1).map(\.text) == ["1"])
        await broker.close()
        #expect(try database.number("SELECT count(*) FROM millrace_claims") == 1)
    }

    @Test func cancelledWhileLockedIsNotPublished() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder)
        let database = try RawDatabase(folder.file("messages.db"))
        try database.execute("BEGIN IMMEDIATE")
        let error = await millraceError {
            try await broker.publish([Message(text: "cancelled")], to: "t", timeout: .milliseconds(50))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.failures.map(\.index) == [0])
        try database.execute("COMMIT")
        try await broker.publish(Message(text: "after"), to: "t")
        #expect(try database.number("SELECT count(*) FROM millrace_messages") == 1)
        await broker.close()
    }

    @Test func unusableFilesAreRefused() async throws {
        let folder = try TemporaryFolder()
        func refusal(_ path: String, _ change: (inout SQLiteOptions) -> Void = { _ in }) async -> MillraceError? {
            var options = SQLiteOptions(path: path)
            change(&options)
            return await millraceError { try await SQLiteTransport(options, observers: Observers()) }
        }
        try folder.write(String(repeating: "no database ", count: 1_000), to: "text.db")
        let text = await refusal(folder.file("text.db"))
        #expect(text?.code == .connectionFailed)
        #expect(text?.message.contains("is no SQLite database") == true)
        #expect(text?.isRetriable == false)
        let missing = await refusal(folder.file("nowhere/x.db"))
        #expect(missing?.message.contains("can't be opened") == true)
        let absent = await refusal(folder.file("absent.db")) { $0.createsFile = false }
        #expect(absent?.message.contains("can't be opened") == true)
        #expect(await refusal(":memory:")?.code == .invalidOption)
        let newer = try RawDatabase(folder.file("newer.db"))
        try newer.execute("CREATE TABLE millrace_schema (version INTEGER); INSERT INTO millrace_schema VALUES (99)")
        let unsupported = await refusal(folder.file("newer.db"))
        #expect(unsupported?.code == .unsupported)
        #expect(unsupported?.message.contains("version 99, this Millrace knows up to 2") == true)
    }

    /// Root may write what is read-only, so this is done with a file that SQLite itself may not write.
    @Test func readOnlyFileIsRefused() async throws {
        let folder = try TemporaryFolder()
        await (try SQLiteTransport.open(folder)).close()
        let path = folder.file("messages.db")
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: path)
        guard !FileManager.default.isWritableFile(atPath: path) else {
            // Root is not kept from writing; then it has to work.
            await (try SQLiteTransport.open(folder)).close()
            return
        }
        let error = await millraceError { try await SQLiteTransport.open(folder) }
        #expect(error?.message.contains("can't be written") == true)
        #expect(error?.isRetriable == false)
    }

    @Test func damagedPageEndsASubscriptionWithAnError() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("messages.db")
        let writer = try await SQLiteTransport.open(folder)
        let filler = String(repeating: "x", count: 200)
        try await writer.publish((0..<2_000).map { Message(text: "message \($0) \(filler)") }, to: "t")
        await writer.close()
        let database = try RawDatabase(path)
        try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        // The pages in the middle of the file are those of the messages.
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        let size = try file.seekToEnd()
        for page in 20..<(size / 4_096 - 20) {
            try file.seek(toOffset: page * 4_096)
            try file.write(contentsOf: Data(repeating: 0xFF, count: 100))
        }
        try file.close()
        let broker = try await SQLiteTransport.open(folder)
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g", prefetch: 2_000))
        let error = await millraceError { try await subscription.take(2_000) }
        #expect(error?.code == .connectionFailed)
        #expect(error?.message.contains("is damaged") == true)
        #expect(error?.isRetriable == false)
        await subscription.close()
        await broker.close()
    }
}
