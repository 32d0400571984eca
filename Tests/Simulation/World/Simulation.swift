import Millrace
import MillraceMemory
import MillraceTesting

/// One run of a scenario: publishers, a broker behind faults, and a consumer group whose members are shut down, killed and
/// replaced.
final class Simulation: @unchecked Sendable {
    // Safe to share: everything in a simulation runs on one thread.
    private let scenario: Scenario
    private let chronicle: Chronicle
    private let clock = ManualClock()
    private let memory: MemoryTransport
    private let broker: BrokerTap
    private let faulty: FaultyTransport
    private let identifiers: MessageIDGenerator
    private var draw: Draw
    private var scripts: [Int: Script] = [:]
    private var nextMessage = 1
    private var nextWorld = 1
    private var members: [Member?]
    private var interventions: [Scenario.Intervention]

    /// A process of the group.
    private struct Member {
        let world: Int
        let router: Router
        let ended: Signal
    }

    /// What came of it.
    struct Verdict {
        let violation: String?
        let fingerprint: Int
        let steps: Int
        let messages: Int
    }

    /// The faults end then, so that everything can come to its end.
    private static let healing = Duration.seconds(20)
    private static let limit = Duration.seconds(300)

    init(_ scenario: Scenario) throws {
        self.scenario = scenario
        chronicle = Chronicle(scenario, Invariants.all)
        memory = try MemoryTransport(
            scenario.memory, clock: clock, observers: Observers([LeaseObserver(chronicle: chronicle)]))
        broker = BrokerTap(memory, chronicle)
        faulty = FaultyTransport(broker, plan: scenario.faults, seed: scenario.seed, clock: clock)
        identifiers = MessageIDGenerator(clock: clock, seed: scenario.seed)
        draw = Draw(seed: scenario.seed ^ 0x5151_5151)
        members = Array(repeating: nil, count: scenario.members)
        interventions = scenario.interventions
    }

    func run() -> Verdict {
        let scheduler = Scheduler.shared
        let ending = scheduler.run(
            seed: scenario.seed, clock: clock, until: Self.limit, haste: scenario.haste,
            between: { [self] in
                intervene()
                return chronicle.violation == nil
            },
            { [self] in await live() })
        switch ending {
        case .finished: chronicle.conclude()
        case .stopped: break
        case .stuck: chronicle.fail("nothing hangs: nothing is ready, no timer is set, not done: \(unfinished)")
        case .late: chronicle.fail("nothing hangs: not done after \(Self.limit): \(unfinished)")
        }
        return Verdict(
            violation: chronicle.violation, fingerprint: scheduler.fingerprint.finalize(), steps: scheduler.steps,
            messages: nextMessage - 1)
    }

    private var unfinished: String {
        let list = chronicle.unfinished.prefix(5).map { number in
            let subject = chronicle.subjects[number]
            let (calls, out) = (subject?.calls.count ?? 0, subject?.out.count ?? 0)
            return "message \(number) of '\(subject?.topic ?? "")' (\(calls) calls, \(out) out)"
        }
        return list.isEmpty ? "no message" : list.joined(separator: ", ")
    }

    // MARK: The course of things

    private func live() async {
        do {
            try await broker.prepare(topic: Scenario.inputTopic, group: "worker")
            try await broker.prepare(topic: Scenario.outputTopic, group: "sink")
            for topic in [Scenario.inputTopic, Scenario.outputTopic] {
                try await broker.prepare(topic: topic + ".dead-letter", group: "undertaker")
            }
            try await broker.prepare(topic: Scenario.poisonTopic, group: nil)
            clock.schedule(after: Self.healing) { [faulty] in faulty.use([:]) }
            let isOver = Signal()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in members.indices { group.addTask { [self] in try await keepAlive(index, until: isOver) } }
                try await withThrowingTaskGroup(of: Void.self) { publishers in
                    for (index, load) in scenario.publishers.enumerated() {
                        publishers.addTask { [self] in try await publish(load.count, by: load.batch, of: index) }
                    }
                    try await publishers.waitForAll()
                }
                while !chronicle.unfinished.isEmpty || kept > 0 { try await clock.sleep(for: .milliseconds(50)) }
                isOver.fire()
                interventions = []
                for case let member? in members { stop(member) }
                try await group.waitForAll()
            }
            try checkDeadLetters()
            // The last members may have published while they were shutting down, for copies of messages that were done.
            if chronicle.unfinished.count > kept { chronicle.fail("nothing is lost: \(unfinished), and the broker has \(kept)") }
        } catch {
            chronicle.fail("the simulation itself failed: \(error)")
        }
    }

    /// How many messages the broker still has. Some may have come unseen: their publisher was killed before the answer.
    private var kept: Int {
        (memory.depth(of: Scenario.inputTopic, group: "worker")?.total ?? 0)
            + (memory.depth(of: Scenario.outputTopic, group: "sink")?.total ?? 0)
    }

    /// Runs one member after the other.
    private func keepAlive(_ index: Int, until isOver: Signal) async throws {
        while !isOver.hasFired {
            let member = try makeMember()
            members[index] = member
            chronicle.record(.started(world: member.world))
            Scheduler.shared.spawn(in: member.world) { [chronicle] in
                do {
                    try await member.router.run(stoppingOn: [])
                } catch {
                    chronicle.fail("the router of world \(member.world) failed: \(error)")
                }
                chronicle.record(.stopped(world: member.world))
                member.ended.fire()
            }
            try await member.ended.wait()
            members[index] = nil
        }
    }

    private func intervene() {
        while let next = interventions.first, next.step <= Scheduler.shared.steps {
            interventions.removeFirst()
            guard let member = members[next.member] else { continue }
            switch next.kind {
            case .shutdown: stop(member)
            case .kill:
                Scheduler.shared.kill(member.world)
                chronicle.record(.killed(world: member.world))
                broker.disconnect(world: member.world)
                member.ended.fire()
            }
        }
    }

    private func stop(_ member: Member) {
        chronicle.record(.shutdown(world: member.world))
        Scheduler.shared.within(member.world) { member.router.shutdown() }
    }

    private func checkDeadLetters() throws {
        for topic in [Scenario.inputTopic, Scenario.outputTopic] {
            let rejected = chronicle.subjects.values.count { $0.topic == topic && $0.isRejected }
            let letters = memory.depth(of: topic + ".dead-letter", group: "undertaker")?.total ?? 0
            if rejected != letters {
                chronicle.fail("nothing is lost: \(rejected) messages of '\(topic)' were rejected, \(letters) are dead letters")
            }
        }
    }

    // MARK: Publishers

    private func publish(_ count: Int, by batch: Int, of publisher: Int) async throws {
        let tap = ServiceTap(faulty, chronicle, world: World.outside)
        var left = count
        while left > 0 {
            let size = min(left, batch)
            let messages = (0..<size).map { _ in make(for: Scenario.inputTopic, parent: nil) }
            do {
                try await tap.publish(messages, to: Scenario.inputTopic)
                left -= size
            } catch let error as MillraceError where error.code == .publishFailed {
                // The same things under new names: what was accepted although the answer says otherwise is handled twice then.
                left -= size - error.failures.count
                try await clock.sleep(for: .milliseconds(10))
            }
            for _ in 0..<draw.number(0...3) { await Scheduler.shared.pause() }
        }
    }

    private func make(for topic: String, parent: Int?) -> Message {
        let number = nextMessage
        nextMessage += 1
        let key = draw.happens(0.1) ? nil : "key \(draw.number(1...scenario.keys))"
        scripts[number] = Script(&draw, scenario)
        chronicle.introduce(number, topic: topic, key: key, parent: parent)
        return Message(id: identifiers.next(), text: "", key: key, metadata: ["number": "\(number)"])
    }

    // MARK: Members

    private func makeMember() throws -> Member {
        let world = nextWorld
        nextWorld += 1
        let tap = ServiceTap(faulty, chronicle, world: world)
        let router = Router(
            RouterOptions(
                drainTimeout: .seconds(100), restart: .constant(.milliseconds(50)), clock: WorldClock(base: clock, world: world),
                random: RandomSource(seed: scenario.seed &+ UInt64(world)), observers: [])
        ) { care(on: tap) }
        let options = HandlerOptions(
            concurrency: scenario.concurrency, ordered: scenario.ordered, prefetch: scenario.prefetch,
            maximumAttempts: scenario.care == .maximumAttempts ? scenario.attempts : nil,
            redelivery: .exponential(from: .milliseconds(20), upTo: .seconds(1)), lease: scenario.lease)
        try router.handle(
            "worker", from: Scenario.inputTopic, on: tap, to: Scenario.outputTopic, options: options, body(in: world))
        let sink = body(in: world)
        try router.consume("sink", from: Scenario.outputTopic, on: tap, options: options) { message, context in
            _ = try await sink(message, context)
        }
        return Member(world: world, router: router, ended: Signal())
    }

    @MiddlewareBuilder private func care(on tap: ServiceTap) -> [any Middleware] {
        switch scenario.care {
        case .poisonQueue, .poisonQueueWithTimeout:
            PoisonQueue(Scenario.poisonTopic, on: tap)
            Retry(attempts: scenario.attempts, backoff: scenario.backoff, inPlaceUpTo: scenario.inPlaceLimit)
            if scenario.care == .poisonQueueWithTimeout { Timeout(.seconds(5)) }
        case .failurePolicy:
            FailurePolicy(
                .notRetriable(.deadLetter(Scenario.poisonTopic, on: tap)),
                .otherwise(
                    .retryLater(attempts: scenario.attempts, backoff: scenario.backoff),
                    .deadLetter(Scenario.poisonTopic, on: tap)))
        case .maximumAttempts: [any Middleware]()
        }
    }

    private func body(
        in world: Int
    ) -> nonisolated(nonsending) @Sendable (Message, HandlerContext) async throws -> Outputs {
        @Sendable nonisolated(nonsending) func body(_ message: Message, _ context: HandlerContext) async throws -> Outputs {
            try await handle(message, context, world)
        }
        return body
    }

    private nonisolated(nonsending) func handle(
        _ message: Message, _ context: HandlerContext, _ world: Int
    ) async throws -> Outputs {
        guard let script = scripts[message.number] else { throw Reject("unknown") }
        let call = chronicle.begin(
            message.number, world: world, attempt: context.attempt, deliveryAttempt: context.deliveryAttempt)
        do {
            try await script.perform(chronicle.subjects[message.number]?.calls.count ?? 0, context.clock)
        } catch {
            let outcome: Occurrence.Outcome =
                error is RetryLater ? .askedForLater : error is Reject ? .failedForGood : .failed
            chronicle.record(.ended(call: call, outcome))
            throw error
        }
        var outputs = Outputs()
        if context.outputTopic != nil {
            for _ in 0..<script.outputs { outputs.append(make(for: Scenario.outputTopic, parent: call)) }
        }
        chronicle.record(.ended(call: call, .returned))
        return outputs
    }
}
