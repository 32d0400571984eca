import Millrace
import MillraceMemory

/// A transport as the broker sees it: records what arrives there, after all that can go wrong on the way.
final class BrokerTap: Transport {
    private let base: MemoryTransport
    private let chronicle: Chronicle
    private let open = Lock<[BrokerSubscription]>([])

    init(_ base: MemoryTransport, _ chronicle: Chronicle) {
        self.base = base
        self.chronicle = chronicle
    }

    var system: String { base.system }
    var capabilities: Capabilities { base.capabilities }

    func publish(_ messages: [Message], to topic: String) async throws {
        do {
            try await base.publish(messages, to: topic)
        } catch {
            let failures = Set(((error as? MillraceError)?.failures ?? []).map(\.index))
            // What is not listed was accepted; an error without a list means that nothing was.
            if !failures.isEmpty { note(messages.indices.filter { !failures.contains($0) }, of: messages, in: topic) }
            throw error
        }
        note(Array(messages.indices), of: messages, in: topic)
    }

    private func note(_ indices: [Int], of messages: [Message], in topic: String) {
        for index in indices { chronicle.record(.stored(messages[index].number, to: topic)) }
    }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        let world = Scheduler.shared.world
        let subscription = BrokerSubscription(
            try await base.subscribe(to: topic, options), chronicle, number: chronicle.open(topic: topic, world: world))
        open.withLock { $0.append(subscription) }
        return subscription
    }

    func prepare(topic: String, group: String?) async throws { try await base.prepare(topic: topic, group: group) }
    func close() async {}

    /// The broker notices that a process is gone: its readers get nothing more, what they have comes back after its lease.
    func disconnect(world: Int) {
        let gone = open.withLock { open in
            defer { open.removeAll { chronicle.subscriptions[$0.number].world == world } }
            return open.filter { chronicle.subscriptions[$0.number].world == world }
        }
        for subscription in gone { subscription.base.stopFetching() }
    }
}

/// A subscription of a ``BrokerTap``.
final class BrokerSubscription: SubscriptionWrapper {
    let base: any Subscription
    let number: Int
    private let chronicle: Chronicle

    init(_ base: any Subscription, _ chronicle: Chronicle, number: Int) {
        self.base = base
        self.chronicle = chronicle
        self.number = number
    }

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        let start = batch.count
        guard try await base.pull(into: &batch, upTo: limit, until: deadline) else { return false }
        for record in batch.records[start...] {
            chronicle.record(
                .delivered(
                    record.message.number, .broker, subscription: number, token: record.token.rawValue,
                    attempt: record.attempt, position: record.position.low))
        }
        return true
    }

    func acknowledge(_ tokens: [DeliveryToken]) {
        for token in tokens { note(token, .acknowledged) }
        base.acknowledge(tokens)
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        note(token, settlement.ending)
        base.settle(token, settlement)
    }

    private func note(_ token: DeliveryToken, _ ending: Occurrence.Ending) {
        chronicle.record(.settled(.broker, subscription: number, token: token.rawValue, ending))
    }

    func close() async {
        if !chronicle.subscriptions[number].isClosed { chronicle.record(.closed(subscription: number)) }
        await base.close()
    }
}

/// Tells the chronicle of leases that have run out.
struct LeaseObserver: Observer {
    let chronicle: Chronicle
    var level: EventLevel { .warning }

    func observe(_ event: MillraceEvent) {
        guard case .leaseExpired(let topic, _, let position, _) = event.kind else { return }
        chronicle.record(.leaseExpired(topic: topic, position: position.low))
    }
}
