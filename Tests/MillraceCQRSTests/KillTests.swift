import Foundation
import Millrace
import MillraceCQRS
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// Components in processes of their own, which are killed at random while messages are published. `MILLRACE_CRASHES=100` makes it that
/// many times.
@Suite(.serialized) struct KillTests {
    private static let kills = ProcessInfo.processInfo.environment["MILLRACE_CRASHES"].flatMap { Int($0) } ?? 8
    /// How many messages a component has in flight. What it has sent without having written down that it has, comes again after a kill;
    /// meanwhile it may have fetched as many once more.
    private static let inFlight = 50

    @Test(arguments: [1, 2] as [UInt64]) func aForwarderThatIsKilledLosesNothing(_ seed: UInt64) async throws {
        let run = try await KilledRun("forward", seed: seed)
        let outbox = Outbox("outbox", on: run.source, group: "forwarder")
        let counts = try await run.play(kills: Self.kills, reading: ["orders"]) { try await outbox.publish($0, to: "orders") }
        try await run.checkFinished(counts, kills: Self.kills, inFlight: Self.inFlight)
        #expect(try await run.rest(of: "outbox", group: "forwarder") == 0)
        await run.close()
    }

    @Test(arguments: [3, 4] as [UInt64]) func aFanOutThatIsKilledKeepsWhatAnyConsumerHasNotHandled(_ seed: UInt64) async throws {
        let run = try await KilledRun("fan-out", seed: seed)
        try await run.source.prepare(topic: "orders", group: "shop")
        let counts = try await run.play(kills: Self.kills, reading: ["a", "b", "c"]) { messages in
            try await run.source.publish(messages, to: "orders")
        }
        try await run.checkFinished(counts, kills: Self.kills, inFlight: Self.inFlight)
        #expect(try await run.rest(of: "orders", group: "shop") == 0)
        await run.close()
    }
}

/// A component that is started and killed again and again.
private struct KilledRun {
    let source: SQLiteTransport
    private let target: SQLiteTransport
    private let component: String
    private let random: RandomSource
    private let folder: TemporaryFolder
    private let perRound = 150

    init(_ component: String, seed: UInt64) async throws {
        self.component = component
        random = RandomSource(seed: seed)
        folder = try TemporaryFolder()
        source = try await SQLiteTransport(path: folder.file("source.db"), observers: Observers([]))
        target = try await SQLiteTransport(path: folder.file("target.db"), observers: Observers([]))
    }

    private func start() throws -> ChildProcess {
        let files = ["source", "target"].map { "sqlite:\(folder.file("\($0).db"))" }
        return try ChildProcess(program: "component-member", [component] + files, log: folder.file("log"))
    }

    /// Publishes numbered messages while the component is killed so often, then lets it finish. Returns what has come to each topic.
    func play(
        kills: Int, reading topics: [String], publish: @escaping @Sendable ([Message]) async throws -> Void
    ) async throws -> [String: Arrivals] {
        var probes: [String: TopicProbe] = [:]
        for topic in topics { probes[topic] = try await TopicProbe(of: topic, on: target) }
        var arrivals = probes.mapValues { _ in Arrivals() }
        for round in 0..<kills {
            let numbers = round * perRound..<(round + 1) * perRound
            let publishing = Task {
                for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 10) {
                    try await publish(Arrivals.messages(start..<start + 10))
                }
            }
            let process = try start()
            // It dies somewhere in the middle, at a number that the seed says, seen by a reader that the seed picks.
            let witness = topics[Int(random.next() % UInt64(topics.count))]
            let seen = arrivals[witness]?.numbers.count ?? 0
            let goal = seen + 1 + Int(random.next() % UInt64(numbers.upperBound - seen))
            arrivals[witness] = try await probes[witness]?.arrivals(of: goal, after: arrivals[witness] ?? Arrivals())
            process.kill(9)
            try await publishing.value
        }
        let before = folder.read("log").components(separatedBy: "running").count
        let last = try start()
        for (topic, probe) in probes {
            arrivals[topic] = try await probe.arrivals(of: kills * perRound, after: arrivals[topic] ?? Arrivals())
        }
        // Before that a signal ends it on the spot.
        try await BlockingCall.run { [folder] in
            try last.wait(for: "the last start", seconds: 60) {
                folder.read("log").components(separatedBy: "running").count > before
            }
        }
        last.kill(15)
        #expect(last.end() == 0, "\(last.lines.suffix(5))")
        // What came twice may still be on its way.
        for (topic, probe) in probes {
            let end = Message(text: "end")
            try await target.publish(end, to: topic)
            var message = try await probe.next()
            while message != end {
                if arrivals[topic]?.note(message) != true { Issue.record("\(message) is not what was sent") }
                message = try await probe.next()
            }
        }
        return arrivals
    }

    func checkFinished(_ arrivals: [String: Arrivals], kills: Int, inFlight: Int) async throws {
        for (topic, arrivals) in arrivals {
            #expect(arrivals.numbers.count == kills * perRound)
            #expect(arrivals.disordered.isEmpty, "\(topic): \(arrivals.disordered) came out of order")
            let repeated = arrivals.copies - arrivals.numbers.count
            #expect(repeated <= kills * 2 * inFlight, "\(topic): \(repeated) came again")
            print("\(component), '\(topic)': \(kills) kills, \(arrivals.numbers.count) messages, \(repeated) came again")
        }
    }

    /// How many messages a group has not acknowledged.
    func rest(of topic: String, group: String) async throws -> Int {
        let probe = try await TopicProbe(of: topic, on: source, group: group)
        let end = Message(text: "end")
        try await source.publish(end, to: topic)
        var count = 0
        while try await probe.next() != end { count += 1 }
        return count
    }

    func close() async {
        await source.close()
        await target.close()
    }
}
