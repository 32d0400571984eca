import Millrace
import MillraceMemory
import MillraceTesting

/// Channels of the suite's own process, with a fault injector in front of them for each worker.
final class MemoryBroker: Broker {
    private let base = MemoryTransport(observers: Observers())
    private let workers = Lock<[FaultyTransport]>([])
    let url = "memory:"
    let proxy: TCPProxy? = nil
    let scope = Oracle.OrderScope.group
    let takeover = cellLease + .seconds(1)

    func obstacle(to fault: FaultKind) -> String? {
        switch fault {
        case .killConsumer, .stopConsumer, .killProducer: "workers and channels share a process, and end with it"
        case .brokerRestart, .brokerKill: "there is no broker"
        case .halfOpen: "there is no connection that could hang"
        case .garbage: "there are no other clients"
        default: nil
        }
    }

    func prepare(topic: String, groups: [String]) async throws {
        workers.withLock { $0 = [] }
        for group in groups { try await base.prepare(topic: topic, group: group) }
    }

    func start(_ job: WorkerJob, output: String) throws -> any WorkerLife {
        let transport = FaultyTransport(base, seed: job.seed)
        workers.withLock { $0.append(transport) }
        return TaskLife(job, on: transport)
    }

    func restart() async throws { throw FaultSuiteError("there is no broker to restart") }

    func crash() async throws { throw FaultSuiteError("there is no broker to kill") }

    /// For a while subscriptions are lost, acknowledgements do not arrive, and publish calls fail, also such that have not.
    func cut(_ random: RandomSource) async throws {
        use([
            .cutSubscription: .probability(0.01), .dropAcknowledgement: .probability(0.01), .failPublish: .probability(0.1),
            .losePublishReply: .probability(0.1),
        ])
        try await SystemClock.shared.sleep(for: .milliseconds(500) + random.duration(upTo: .milliseconds(500)))
        use([:])
    }

    func slow(by delay: Duration) throws { use([.delayPublish(delay): .always, .delayDelivery(delay): .always]) }

    func recover() throws { use([:]) }

    private func use(_ plan: FaultPlan) { for worker in workers.withLock({ $0 }) { worker.use(plan) } }
}
