internal import Millrace
internal import MillraceCQRS

extension BenchScenario {
    /// What types cost: JSON in messages, by hand and as commands.
    static let typed = [
        BenchScenario(name: "json", summary: "JSON in messages, decoded by a handler", isDefault: false) { run in
            try await measure(run) { router, tally in
                let options = HandlerOptions(group: .named(run.group))
                try router.consume("bench", from: run.input, on: run.broker, options: options) { message, _ in
                    tally.take(try message.decode(BenchOrder.self))
                }
                return { order in try await run.broker.publish(Message(encoding: order, key: order.messageKey), to: run.input) }
            }
        },
        BenchScenario(name: "command", summary: "the same as typed commands", isDefault: false) { run in
            try await measure(run) { router, tally in
                let cqrs = CQRS(on: run.broker, topics: .custom { _ in run.input }, .init(observers: Observers([])))
                try router.register(
                    cqrs.handler(BenchOrder.self, options: .init(group: .named(run.group))) { order, _ in tally.take(order) })
                return { order in try await cqrs.send(order) }
            }
        },
    ]

    private typealias Send = @Sendable (BenchOrder) async throws -> Void

    private static func measure(
        _ run: BenchRun, _ register: (Router, LedgerTally) throws -> Send
    ) async throws -> Measurement {
        let router = Router(.quiet)
        let tally = LedgerTally(run.load)
        let send = try register(router, tally)
        async let running: Void = router.run(stoppingOn: [])
        try await router.waitUntilRunning()
        var measurement = try await run.meter.measure(run.load.count) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<run.load.tasks {
                    group.addTask {
                        for number in 0..<run.load.share(of: task) { try await send(BenchOrder(task, number, run.load)) }
                    }
                }
                try await group.waitForAll()
            }
            try await tally.complete()
        }
        router.shutdown()
        try await running
        measurement.complaint = run.complaint(tally.ledger)
        return measurement
    }
}

/// A message of the load as a value.
struct BenchOrder: DomainCommand {
    static let messageName = "millrace-bench"

    var task: Int
    var number: Int
    var key: String?
    /// As long as the payloads of other scenarios.
    var filling: String

    var messageKey: String? { key }

    init(_ task: Int, _ number: Int, _ load: BenchLoad) {
        self.task = task
        self.number = number
        key = load.hasKeys ? "\(task)" : nil
        filling = String(repeating: "7", count: load.size)
    }
}

/// A ledger that a handler fills.
private final class LedgerTally: Sendable {
    private let state: Lock<Ledger>
    private let isDone = Signal()

    init(_ load: BenchLoad) { state = Lock(Ledger(load)) }

    var ledger: Ledger { state.withLock { $0 } }

    func take(_ order: BenchOrder) {
        let isComplete = state.withLock { ledger in
            ledger.take(BenchMessage(task: order.task, number: order.number))
            return ledger.isComplete
        }
        if isComplete { isDone.fire() }
    }

    /// Waits until all of the load has arrived. Ends early when nothing arrives for ten seconds: then something is lost.
    func complete() async throws {
        var seen = -1
        while !isDone.hasFired {
            let received = state.withLock { $0.received }
            guard received > seen else { return }
            seen = received
            do {
                try await withDeadline(.seconds(10), clock: SystemClock.shared) { [isDone] in try await isDone.wait() }
            } catch is DeadlinePassed {
                continue
            }
        }
    }
}
