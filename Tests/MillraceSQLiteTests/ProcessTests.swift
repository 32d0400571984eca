import Foundation
import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// Several processes on one file, and what becomes of it when they are killed.
@Suite(.serialized) struct ProcessTests {
    @Test func fourProcessesConform() async throws {
        let folder = try TemporaryFolder()
        let processes = try (0..<4).map { number in
            try ChildProcess(
                program: "sqlite-member", ["sqlite:\(folder.file("shared.db"))?synchronous=normal", "conform"],
                log: folder.file("log-\(number)"))
        }
        for process in processes {
            let status = await onThread { process.end() }
            let failures = process.lines.filter { $0.hasPrefix("failed") }.joined(separator: "\n")
            #expect(status == 0, "\(failures)")
        }
        try checkIntegrity(folder.file("shared.db"))
    }

    /// Kills a publishing and a handling process again and again: what was accepted is handled, and the file is whole.
    /// `MILLRACE_CRASHES=200` makes it that many times.
    @Test func survivesKilledProcesses() async throws {
        let rounds = ProcessInfo.processInfo.environment["MILLRACE_CRASHES"].flatMap { Int($0) } ?? 10
        let folder = try TemporaryFolder()
        let url = "sqlite:\(folder.file("messages.db"))"
        let random = RandomSource(seed: 9)
        var accepted: Set<Substring> = []
        var handled: Set<Substring> = []
        for round in 0..<rounds {
            let publisher = try ChildProcess(
                program: "sqlite-member", [url, "publish", "\(round)"], log: folder.file("published-\(round)"))
            let handler = try ChildProcess(program: "sqlite-member", [url, "handle"], log: folder.file("handled-\(round)"))
            let (first, second) = (Int(random.next() % 400), Int(random.next() % 400))
            try await onThread {
                try publisher.wait(for: "lines of a publisher") { publisher.lines.count >= first }
                if random.next() % 2 == 0 { publisher.kill(9) }
                try handler.wait(for: "lines of a handler") { handler.lines.count >= min(second, first / 2) }
                handler.kill(9)
                publisher.kill(9)
            }
            accepted.formUnion(publisher.lines)
            handled.formUnion(handler.lines)
            // Together they make little sense of what was cut off in the middle of a line: the file has it whole.
            try FileManager.default.removeItem(atPath: publisher.log)
            try FileManager.default.removeItem(atPath: handler.log)
        }
        try checkIntegrity(folder.file("messages.db"))
        handled.formUnion(try await drain(folder, until: accepted.subtracting(handled)))
        let lost = accepted.subtracting(handled)
        #expect(lost.isEmpty, "\(lost.count) of \(accepted.count) accepted messages were not handled: \(lost.prefix(5))")
        print("crashes: \(rounds) rounds, \(accepted.count) messages accepted, \(lost.count) lost")
        try checkIntegrity(folder.file("messages.db"))
    }

    /// Handles what is left.
    private func drain(_ folder: TemporaryFolder, until missing: Set<Substring>) async throws -> Set<Substring> {
        let broker = try await SQLiteTransport.open(folder)
        let subscription = try await broker.subscribe(to: "crash", SubscriptionOptions(group: "g", prefetch: 1_000))
        var handled: Set<Substring> = []
        var batch = DeliveryBatch()
        // The last handler's lease of a second has to run out first.
        while !missing.isSubset(of: handled),
            try await subscription.pull(into: &batch, upTo: 500, until: SystemClock.shared.now.advanced(by: .seconds(20)))
        {
            handled.formUnion(batch.records.map { $0.text[...] })
            subscription.acknowledge(batch.records.map(\.token))
            batch.removeAll()
        }
        await broker.close()
        return handled
    }

    private func checkIntegrity(_ path: String) throws {
        #expect(try RawDatabase(path).texts("PRAGMA integrity_check") == ["ok"])
    }

    /// Runs what blocks where it holds up no task.
    private func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result(catching: body)) }.start()
        }
    }

    private func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in Thread { continuation.resume(returning: body()) }.start() }
    }
}
