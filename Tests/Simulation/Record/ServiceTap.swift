import Millrace
import MillraceTesting

/// A transport as a world sees it: records what the service is told and what it does.
final class ServiceTap: Transport {
    private let base: FaultyTransport
    private let chronicle: Chronicle
    private let world: Int

    init(_ base: FaultyTransport, _ chronicle: Chronicle, world: Int) {
        self.base = base
        self.chronicle = chronicle
        self.world = world
    }

    var system: String { base.system }
    var capabilities: Capabilities { base.capabilities }

    func publish(_ messages: [Message], to topic: String) async throws {
        for message in messages { chronicle.record(.offered(message.number, to: topic)) }
        var refused: Set<Int> = []
        defer {
            for (index, message) in messages.enumerated() {
                chronicle.record(.answered(message.number, to: topic, isAccepted: !refused.contains(index)))
            }
        }
        do {
            try await base.publish(messages, to: topic)
        } catch {
            let failures = (error as? MillraceError)?.failures ?? []
            refused = Set(failures.isEmpty ? Array(messages.indices) : failures.map(\.index))
            throw error
        }
    }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        let subscription = try await base.subscribe(to: topic, options)
        return ServiceSubscription(subscription, chronicle)
    }

    func prepare(topic: String, group: String?) async throws { try await base.prepare(topic: topic, group: group) }
    func close() async {}
}

/// A subscription of a ``ServiceTap``.
final class ServiceSubscription: SubscriptionWrapper {
    let base: any Subscription
    private let chronicle: Chronicle
    private let number: Int

    init(_ base: any Subscription, _ chronicle: Chronicle) {
        self.base = base
        self.chronicle = chronicle
        number = ((base as? any SubscriptionWrapper)?.base as? BrokerSubscription)?.number ?? -1
    }

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        let start = batch.count
        do {
            guard try await base.pull(into: &batch, upTo: limit, until: deadline) else { return false }
        } catch {
            if (error as? MillraceError)?.code == .connectionFailed { chronicle.record(.cut(subscription: number)) }
            throw error
        }
        for record in batch.records[start...] {
            chronicle.record(
                .delivered(
                    record.message.number, .service, subscription: number, token: record.token.rawValue,
                    attempt: record.attempt, position: record.position.low))
        }
        return true
    }

    func acknowledge(_ tokens: [DeliveryToken]) { settle(tokens, .acknowledged) { base.acknowledge(tokens) } }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        settle([token], settlement.ending) { base.settle(token, settlement) }
    }

    /// Records what is settled, and what of it the broker does not get to see.
    private func settle(_ tokens: [DeliveryToken], _ ending: Occurrence.Ending, _ body: () -> Void) {
        for token in tokens {
            chronicle.record(.settled(.service, subscription: number, token: token.rawValue, ending))
        }
        let before = chronicle.arrivals
        body()
        let arrived = chronicle.arrivals[before.count...]
        for token in tokens where !arrived.contains(token.rawValue) {
            let name = Chronicle.DeliveryName(subscription: number, token: token.rawValue)
            guard let message = chronicle.messages[name], chronicle.subjects[message]?.out.contains(name) == true else {
                continue
            }
            chronicle.record(.settlementLost(message))
        }
    }
}

extension Settlement {
    var ending: Occurrence.Ending {
        switch self {
        case .acknowledge: .acknowledged
        case .retry: .retried
        case .reject: .rejected
        case .release: .released
        }
    }
}

extension Message {
    /// By what the simulation knows it.
    var number: Int { metadata["number"].flatMap { Int($0) } ?? -1 }
}
