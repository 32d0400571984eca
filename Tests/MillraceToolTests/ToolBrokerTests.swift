import Foundation
import Millrace
import MillraceRedis
import Synchronization
import TestSupport
import Testing

@testable import MillraceTool

/// The tool as a process, at work on a broker.
@Suite struct ToolBrokerTests {
    private let url: String
    private let topic = "tool-\(MessageID.next())"

    init() throws { url = try TestRedis.url }

    private func run(_ words: String..., input: String = "") async throws -> ToolProcess.Result {
        try await ToolProcess.start(words + ["--url", url], input: input).end()
    }

    private func produce(_ count: Int) async throws -> [String] {
        let lines = (1...count).map { "\($0)" }
        let result = try await run("produce", topic, input: lines.joined(separator: "\n") + "\n")
        #expect(result.code == 0, "\(result.errors)")
        return lines
    }

    /// Starts a reader whose output nobody reads yet: it stops in the middle, at a full pipe.
    private func startStuckReader(_ words: String...) async throws -> (ToolProcess, FileHandle) {
        let pipe = Pipe()
        let process = try ToolProcess(
            ToolProcess.tool, ["consume", topic, "--group", "g", "--url", url] + words, output: pipe.fileHandleForWriting)
        try pipe.fileHandleForWriting.close()
        let descriptor = pipe.fileHandleForReading.fileDescriptor
        // Full is what does not get any fuller: then it has acknowledged all that it is going to.
        let last = Mutex((count: Int32(0), times: 0))
        try await process.wait(for: "a full pipe") {
            var count: Int32 = 0
            guard ioctl(descriptor, UInt(FIONREAD), &count) == 0 else { return false }
            return last.withLock { last in
                last = count == last.count ? (count, last.times + 1) : (count, 0)
                return count > 32_000 && last.times >= 40
            }
        }
        return (process, pipe.fileHandleForReading)
    }

    /// The whole lines that are left in a pipe. One that is cut off at the end was not printed.
    private func lines(_ handle: FileHandle) -> [String] {
        let text = String(decoding: handle.readDataToEndOfFile(), as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    private func numbers(_ lines: [String]) -> [Int] { lines.compactMap { Int($0) }.sorted() }

    // MARK: Produce and consume

    @Test func whatGoesInComesOutInOrder() async throws {
        let lines = try await produce(100_000)
        let result = try await run("consume", topic, "--group", "g", "--limit", "100000", "--idle", "20s")
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.errors.isEmpty)
        let isTheSame = result.output.split(separator: "\n").map(String.init) == lines
        #expect(isTheSame)
    }

    @Test func afterCtrlCAnotherOneGoesOn() async throws {
        let all = try await produce(100_000)
        let (process, handle) = try await startStuckReader()
        process.signal(SIGINT)
        let first = lines(handle)
        #expect(try await process.end().code == 130)
        #expect(first.count < all.count)
        let second = try await run("consume", topic, "-g", "g", "-n", "\(all.count - first.count)", "--idle", "10s")
        // Nothing is missing, and nothing came twice.
        let isComplete = numbers(first + second.output.split(separator: "\n").map(String.init)) == Array(1...all.count)
        #expect(isComplete)
        #expect(try await run("consume", topic, "-g", "g", "--idle", "200ms").output.isEmpty)
    }

    /// The first one waits for the output, which nobody reads.
    @Test func aSecondCtrlCEndsItAtOnce() async throws {
        _ = try await produce(60_000)
        let (process, handle) = try await startStuckReader()
        process.signal(SIGINT)
        process.signal(SIGTERM)
        #expect([130, 143].contains(try await process.end().code))
        try handle.close()
    }

    /// What was acknowledged was written before: killed on the spot, nothing is lost, though something may come twice.
    @Test func aKillLosesNothing() async throws {
        let all = try await produce(60_000)
        let (process, handle) = try await startStuckReader("--lease", "1s")
        process.signal(SIGKILL)
        let first = lines(handle)
        #expect(try await process.end().code == 128 + SIGKILL)
        #expect(first.count < all.count)
        let second = try await run("consume", topic, "-g", "g", "--idle", "4s", "--lease", "1s")
        let seen = Set(first).union(second.output.split(separator: "\n").map(String.init))
        let missing = Set(all).subtracting(seen).count
        #expect(missing == 0)
    }

    @Test func whoStopsReadingLosesNothingThatWasNotWritten() async throws {
        let all = try await produce(60_000)
        let (process, handle) = try await startStuckReader()
        try handle.close()
        #expect(try await process.end().code == 141)
        // At once: it was given back, and no lease has to run out.
        let rest = numbers(
            try await run("consume", topic, "-g", "g", "--idle", "3s").output.split(separator: "\n").map(String.init))
        let first = try #require(rest.first)
        #expect(first > 1 && first < 30_000)
        let isComplete = rest == Array(first...all.count)
        #expect(isComplete)
    }

    @Test func readersShareAGroupAndPeekingLeavesMessages() async throws {
        let all = try await produce(10)
        let peek = try await run("consume", topic, "-g", "g", "--peek", "--limit", "4")
        #expect(peek.output == "1\n2\n3\n4\n")
        let taken = try await run("consume", topic, "-g", "g", "-n", "3", "--lease", "1s")
        #expect(taken.output == "1\n2\n3\n")
        let rest = try await run("consume", topic, "-g", "g", "--idle", "3s", "--lease", "1s", "--format", "json")
        let payloads = rest.output.split(separator: "\n").compactMap { line in
            (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]).flatMap { $0["payload"] as? String }
        }
        // What was given back may come after what nobody has had yet.
        #expect(payloads.sorted { Int($0) ?? 0 < Int($1) ?? 0 } == Array(all[3...]))
    }

    @Test func aBadLineEndsItWithItsNumberAndKeepsWhatCameBefore() async throws {
        let input = "{\"payload\":\"a\"}\n{\"payload\":\"b\",\"keey\":\"x\"}\n{\"payload\":\"c\"}\n"
        let result = try await run("produce", topic, "--format", "json", input: input)
        #expect(result.code == 1)
        #expect(result.errors.hasPrefix("millrace produce: input:2: there is no field 'keey'"))
        #expect(try await run("consume", topic, "-g", "g", "--idle", "300ms").output == "a\n")
    }

    /// Lines go out as they come, and one that is not finished does not.
    @Test func aProducerThatWaitsForInputEndsOnCtrlC() async throws {
        let pipe = Pipe()
        let process = try ToolProcess(
            ToolProcess.tool, ["produce", topic, "--url", url], source: pipe.fileHandleForReading)
        try pipe.fileHandleForWriting.write(contentsOf: Data("1\n2\nunfini".utf8))
        #expect(try await run("consume", topic, "-g", "g", "-n", "2").output == "1\n2\n")
        process.signal(SIGINT)
        let result = try await process.end()
        #expect(result.code == 130)
        #expect(result.errors == "millrace produce: ended after 2 messages\n")
        #expect(try await run("consume", topic, "-g", "g", "--idle", "300ms").output.isEmpty)
        try pipe.fileHandleForWriting.close()
    }

    @Test func filesAreReadInTheirOrder() async throws {
        let folder = try TemporaryFolder()
        try "1\n2".write(toFile: folder.file("a"), atomically: true, encoding: .utf8)
        try "3\n".write(toFile: folder.file("b"), atomically: true, encoding: .utf8)
        let result = try await run("produce", topic, folder.file("a"), "-", folder.file("b"), "--rate", "1000/s", input: "x")
        #expect(result.code == 0)
        #expect(try await run("consume", topic, "-g", "g", "-n", "4").output == "1\n2\nx\n3\n")
        let missing = try await run("produce", topic, folder.file("c"))
        #expect(missing.code == 1)
        #expect(missing.errors.contains("No such file"))
    }

    @Test func tailWatchesTopicsAndEndsOnCtrlC() async throws {
        let other = topic + "-other"
        _ = try await run("produce", other, "--key", "k", input: "first")
        _ = try await produce(1)
        let process = try ToolProcess.start(["tail", topic, other, "--from", "beginning", "--url", url])
        try await process.waitForOutput(lines: 6)
        process.signal(SIGINT)
        let result = try await process.end()
        #expect(result.code == 130)
        #expect(result.errors.isEmpty)
        #expect(result.output.contains("\(other) ") && result.output.contains("  key k  ") && result.output.contains("\nfirst\n"))
        #expect(result.output.contains("\n1\n"))
    }

    // MARK: Move and replay

    @Test func movesWhatTheFilterWants() async throws {
        let input = ["ada:1", "bob:2", "ada:3"].joined(separator: "\n")
        _ = try await run("produce", topic, "--key-separator", ":", input: input)
        let target = topic + "-target"
        let dry = try await run("move", topic, target, "--key", "ada", "--idle", "300ms", "--dry-run")
        #expect(dry.output == "2 would be moved, 1 left\n")
        let real = try await run("move", topic, target, "--key", "ada", "--idle", "300ms")
        #expect(real.output == "2 moved, 1 left\n")
        #expect(try await run("consume", target, "-g", "g", "-n", "2").output == "1\n3\n")
        #expect(try await run("move", topic, target, "--idle", "300ms").output == "1 moved, 0 left\n")
        #expect(try await run("move", topic, topic).code == 2)
        #expect(try await run("move", topic, topic, "--to-url", url).code == 2)
        let wrong = try await run("move", topic, target, "--to-url", "nothing")
        #expect(wrong.code == 2)
        #expect(wrong.errors.hasPrefix("millrace move: --to-url: "))
    }

    @Test func replaysWhereItFailed() async throws {
        func letter(_ payload: String, _ reason: String) -> String {
            """
            {"payload":"\(payload)","metadata":{"reason_poisoned":"\(reason)","topic_poisoned":"\(topic)-origin",\
            "handler_poisoned":"h"}}

            """
        }
        let input = letter("1", "no stock") + letter("2", "timed out") + "{\"payload\":\"stray\"}\n"
        _ = try await run("produce", topic, "-f", "json", input: input)
        let dry = try await run("replay", topic, "--dry-run", "--idle", "300ms")
        #expect(dry.output.hasPrefix("2 would be brought back, 1 left\n"))
        let real = try await run("replay", topic, "--reason", "timed", "--idle", "300ms")
        #expect(real.output.hasPrefix("1 brought back, 2 left\n  \(topic)-origin: 1\n"))
        #expect(try await run("consume", "\(topic)-origin", "-g", "g", "-n", "1").output == "2\n")
    }

    // MARK: Check and bench

    @Test func checkTellsWhatItFinds() async throws {
        let result = try await run("check", "--format", "json")
        let check = try JSONDecoder().decode(Command.Check.self, from: Data(result.output.utf8))
        #expect(check.system == "redis")
        #expect(check.broker?.version.isEmpty == false)
        #expect((check.roundTripMilliseconds ?? 0) > 0)
        #expect(check.capabilities.contains("durable"))
        let nobody = try await ToolProcess.run("check", "--url", "redis://127.0.0.1:1?connect-timeout=500ms")
        #expect(nobody.code == 1)
        #expect(nobody.errors.contains("127.0.0.1:1"))
    }

    @Test func benchChecksARealBrokerAndRemovesItsTopics() async throws {
        let broker = try await RedisTransport(url: url, observers: Observers())
        let result = try await run("bench", "--quick", "--count", "2000", "--keys", "--format", "json")
        #expect(result.code == 0, "\(result.errors)")
        let report = try JSONDecoder().decode(BenchReport.self, from: Data(result.output.utf8))
        #expect(report.rows.map(\.scenario) == BenchScenario.all.filter(\.isDefault).map(\.name))
        #expect(report.rows.allSatisfy { $0.complaint == nil })
        #expect(report.broker == (try await broker.broker()))
        await broker.close()
    }

    @Test func aRemovedTopicIsEmpty() async throws {
        let broker = try await RedisTransport(url: url, observers: Observers())
        _ = try await produce(3)
        try await broker.remove(topic: topic)
        try await broker.remove(topic: topic)
        await broker.close()
        #expect(try await run("consume", topic, "-g", "g", "--idle", "300ms").output.isEmpty)
    }
}
