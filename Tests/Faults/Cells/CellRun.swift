import Foundation
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A cell in progress: a producer, two consumers in one group and one in another, and what happens to them.
final class CellRun {
    static let groups = ["main", "audit"]

    let plan: CellPlan
    let broker: any Broker
    let random: RandomSource
    let topic: String
    let folder: String
    /// How many messages of the producer's first life show that everyone is at work, before anything else is done.
    private static let warmUp = 60

    /// Its first life publishes the first few messages, and each later one what is left.
    private(set) lazy var producer = CellWorker("producer", folder: folder) { [unowned self] life, log, output in
        let role = WorkerJob.Role.produce(run: life, messages: life == 1 ? Self.warmUp : missing, rate: plan.rate)
        return try broker.start(WorkerJob(role: role, topic: topic, seed: plan.seedOfCell, log: log), output: output)
    }
    private(set) var consumers: [CellWorker] = []
    private(set) var history = History()
    private(set) var windows: [FaultWindow] = []
    /// How many records another client has published.
    var foreign = 0
    private var polls = 0

    init(_ plan: CellPlan, on broker: any Broker, folder: String) throws {
        let (topic, seed) = ("faults-\(plan.fault.rawValue)-\(MessageID.next())", plan.seedOfCell)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        (self.plan, self.broker, self.topic, self.folder) = (plan, broker, topic, folder)
        random = RandomSource(seed: seed)
        let slowness = plan.fault == .slowHandler ? cellLease * 2.5 : .zero
        consumers = [("main-1", "main"), ("main-2", "main"), ("audit-1", "audit")].map { name, group in
            CellWorker(name, group: group, folder: folder) { _, log, output in
                let role = WorkerJob.Role.consume(group: group, slowness: slowness)
                return try broker.start(WorkerJob(role: role, topic: topic, seed: seed, log: log), output: output)
            }
        }
    }

    /// How many messages are yet to be accepted.
    private var missing: Int { max(0, plan.messages - history.accepted.count) }

    // MARK: Course

    /// Runs the cell, and has the oracle judge it.
    func run() async throws -> Verdict {
        try await broker.prepare(topic: topic, groups: Self.groups)
        for consumer in consumers { try consumer.start() }
        try await waitUntilReady()
        // Until members have their share, the broker may still be busy with the group.
        try producer.start()
        try await waiting(for: "the first messages", seconds: 60) {
            update()
            try producer.checkHealth()
            return producer.status != nil && isAllHandled
        }
        try producer.start()
        let rounds = plan.fault.rounds(short: plan.isShort)
        for round in 0..<rounds {
            try await reach(share: (Double(round) + 0.15 + 0.6 * random.unit()) / Double(rounds))
            try await strike()
        }
        try await finish()
        update()
        let oracle = Oracle(
            scope: broker.scope, groups: Self.groups, windows: windows, foreign: foreign,
            recoveryLimit: broker.takeover + .seconds(15))
        return oracle.judge(history)
    }

    /// Waits until everything is handled that can be, gives duplicates the time to come, and ends the consumers.
    private func finish() async throws {
        try await waiting(for: "the end of the producer", seconds: 120) {
            update()
            return producer.status != nil
        }
        try producer.checkHealth()
        var (best, bestAt) = (-1, SystemClock.shared.now)
        // What does not come within a minute does not come: the oracle says what it is.
        while !isAllHandled, bestAt.duration(to: SystemClock.shared.now) < .seconds(60) {
            try await SystemClock.shared.sleep(for: .milliseconds(20))
            update()
            // Not what is handled again: that may go on for ever.
            let count = Self.groups.map { (history.handled[$0]?.count ?? 0) + (history.foreign[$0] ?? 0) }.reduce(0, +)
            if count > best { (best, bestAt) = (count, SystemClock.shared.now) }
        }
        let settled = SystemClock.shared.now.advanced(by: cellLease + .seconds(1))
        try await waiting(for: "the lease", seconds: 30) {
            update()
            return SystemClock.shared.now >= settled
        }
        for consumer in consumers {
            consumer.measure()
            consumer.signal(SIGTERM)
        }
        for consumer in consumers { try await waitForEnd(of: consumer) }
    }

    private func waitForEnd(of consumer: CellWorker) async throws {
        try await waiting(for: "the end of \(consumer.member)", seconds: 45) {
            update()
            return consumer.status != nil
        }
        try consumer.checkHealth()
    }

    private var isAllHandled: Bool {
        Self.groups.allSatisfy { group in
            let handled = history.handled[group] ?? []
            return handled.count >= history.accepted.count && history.accepted.keys.allSatisfy(handled.contains)
                && history.foreign[group] ?? 0 >= foreign
        }
    }

    // MARK: For the faults

    /// Waits until a share of the messages has been accepted.
    private func reach(share: Double) async throws {
        let wanted = Int(share * Double(plan.messages))
        try await waiting(for: "message \(wanted)", seconds: 120) {
            update()
            try producer.checkHealth()
            return history.accepted.count >= wanted
        }
    }

    func waitUntilReady() async throws {
        try await waiting(for: "the subscriptions", seconds: 60) {
            update()
            for consumer in consumers { try consumer.checkHealth() }
            return consumers.allSatisfy(\.isReady)
        }
    }

    /// Asks a consumer to end, and waits for that.
    func shutDown(_ consumer: CellWorker) async throws {
        consumer.measure()
        consumer.signal(SIGTERM)
        try await waitForEnd(of: consumer)
    }

    /// Waits while the workers go on.
    func pass(_ duration: Duration) async throws {
        let end = SystemClock.shared.now.advanced(by: duration)
        while SystemClock.shared.now < end {
            update()
            try await SystemClock.shared.sleep(for: .milliseconds(20))
        }
    }

    /// One of the consumers, drawn.
    func drawConsumer() -> CellWorker { consumers[Int(random.next() % UInt64(consumers.count))] }

    /// Notes what has happened since `start`, what it explains, and for how long: by default until what was in somebody's hands is
    /// with others, and a lost connection is back.
    func note(
        _ name: String, _ victims: FaultWindow.Victims, from start: Int64,
        explains: Set<FaultWindow.Effect> = [.duplicates, .disorder], aftermath: Duration? = nil
    ) {
        let aftermath = aftermath ?? broker.takeover + .seconds(6)
        windows.append(
            FaultWindow(
                name: name, victims: victims, start: start, end: WorkLog.now, aftermath: aftermath.wholeMicroseconds,
                explains: explains, heldUp: heldUp(victims, at: start)))
    }

    /// How long the acknowledgements of a member have been held up at a time: since another one of its group has gone or come, if the
    /// broker takes none until its group has found together.
    private func heldUp(_ victims: FaultWindow.Victims, at time: Int64) -> Int64 {
        guard broker.isGroupHeldUp, case .member(let member) = victims else { return 0 }
        let group = member.prefix { $0 != "-" } + "-"
        var start = time
        for window in windows.reversed() {
            guard case .member(let other) = window.victims, other.hasPrefix(group),
                start - window.end <= broker.takeover.wholeMicroseconds
            else { continue }
            start = min(start, window.end)
        }
        return time - start
    }

    /// Reads what the workers have claimed, and now and then how much memory they use.
    func update() {
        for worker in [producer] + consumers { worker.update(&history) }
        polls += 1
        if polls % 25 == 0 { for worker in [producer] + consumers { worker.measure() } }
    }

    /// The most memory of a consumer, in kilobytes; nil when that can't be told.
    var consumerMemory: Int? { consumers.compactMap(\.peakMemory).max() }
}
