import Foundation
import Millrace

/// A cell in progress: a producer, two consumers in one group and one in another, and what happens to them.
final class CellRun {
    static let groups = ["main", "audit"]

    let plan: CellPlan
    let broker: any Broker
    let random: RandomSource
    let topic: String
    let folder: String
    private(set) var producer: WorkerProcess
    private(set) var consumers: [WorkerProcess] = []
    private(set) var history = History()
    private(set) var windows: [FaultWindow] = []
    /// How many records another client has published.
    var foreign = 0
    private var polls = 0

    init(_ plan: CellPlan, on broker: any Broker, folder: String) throws {
        let (topic, seed, url) = ("faults-\(plan.fault.rawValue)-\(MessageID.next())", plan.seedOfCell, broker.url)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        (self.plan, self.broker, self.topic, self.folder) = (plan, broker, topic, folder)
        random = RandomSource(seed: seed)
        func words(_ command: String, _ log: String) -> [String] {
            [command, "--url", url, "--topic", topic, "--log", log, "--seed", "\(seed)"]
        }
        producer = WorkerProcess("producer", folder: folder) { _, _ in [] }
        producer = WorkerProcess("producer", folder: folder) { [unowned self] life, log in
            words("produce", log) + ["--run", "\(life)", "--messages", "\(missing)", "--rate", "\(plan.rate)"]
        }
        let slowness = plan.fault == .slowHandler ? cellLease * 2.5 : .zero
        consumers = [("main-1", "main"), ("main-2", "main"), ("audit-1", "audit")].map { name, group in
            WorkerProcess(name, group: group, folder: folder) { _, log in
                words("consume", log)
                    + ["--group", group, "--lease", "\(cellLease.wholeMilliseconds)", "--slowness", "\(slowness.wholeMilliseconds)"]
            }
        }
    }

    /// How many messages are yet to be accepted.
    private var missing: Int { max(0, plan.messages - history.accepted.count) }

    // MARK: Course

    /// Runs the cell, and has the oracle judge it.
    func run() async throws -> Verdict {
        try broker.make(topic: topic)
        let transport = try await Worker.registry.connect(broker.url, observers: Observers())
        for group in Self.groups { try await transport.prepare(topic: topic, group: group) }
        await transport.close()
        for consumer in consumers { try consumer.start() }
        try await waitUntilReady()
        try producer.start()
        let rounds = plan.fault.rounds(short: plan.isShort)
        for round in 0..<rounds {
            try await reach(share: (Double(round) + 0.15 + 0.6 * random.unit()) / Double(rounds))
            try await strike()
        }
        try await finish()
        update()
        return Oracle(scope: broker.scope, groups: Self.groups, windows: windows, foreign: foreign).judge(history)
    }

    /// Waits until everything is handled that can be, gives duplicates the time to come, and ends the consumers.
    private func finish() async throws {
        try await waiting(for: "the end of the producer", seconds: 120) {
            update()
            return !producer.isRunning
        }
        try await producer.waitForEnd(seconds: 1)
        var (best, bestAt) = (-1, SystemClock.shared.now)
        // What does not come within a minute does not come: the oracle says what it is.
        while !isAllHandled, bestAt.duration(to: SystemClock.shared.now) < .seconds(60) {
            try await SystemClock.shared.sleep(for: .milliseconds(20))
            update()
            let count = history.handlings.count
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
        for consumer in consumers { try await consumer.waitForEnd(seconds: 45) }
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
            if let status = producer.status, status != 0 { try failed(producer, status) }
            return history.accepted.count >= wanted
        }
    }

    func waitUntilReady() async throws {
        try await waiting(for: "the subscriptions", seconds: 60) {
            update()
            for consumer in consumers { if let status = consumer.status { try failed(consumer, status) } }
            return consumers.allSatisfy(\.isReady)
        }
    }

    private func failed(_ worker: WorkerProcess, _ status: Int32) throws {
        throw FaultSuiteError("\(worker.member) has ended with status \(status); see \(folder)/\(worker.member).out")
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
    func drawConsumer() -> WorkerProcess { consumers[Int(random.next() % UInt64(consumers.count))] }

    /// Notes what has happened since `start`, and what it explains.
    func note(
        _ name: String, _ victims: FaultWindow.Victims, from start: Int64, explains: Set<FaultWindow.Effect> = [.duplicates, .disorder]
    ) {
        let aftermath = (broker.takeover + .seconds(6)).wholeMicroseconds
        windows.append(
            FaultWindow(
                name: name, victims: victims, start: start, end: WorkLog.now, aftermath: aftermath,
                explains: explains))
    }

    /// Reads what the workers have claimed, and now and then how much memory they use.
    func update() {
        for worker in [producer] + consumers { worker.update(&history) }
        polls += 1
        if polls % 25 == 0 { for worker in [producer] + consumers { worker.measure() } }
    }

    /// The most memory of a consumer, in kilobytes.
    var consumerMemory: Int { consumers.map(\.peakMemory).max() ?? 0 }
}
