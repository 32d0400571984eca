import Millrace
import TestSupport
import MillraceMemory

/// Refuses the first calls, then keeps what it gets.
final class FailingPublisher: Publisher {
    private let left: Box<Int>
    let published = Box<[Message]>([])
    let accepted = Signal()

    init(failures: Int) { left = Box(failures) }

    func publish(_ messages: [Message], to topic: String) async throws {
        let fails = left.update { left -> Bool in
            left -= 1
            return left >= 0
        }
        if fails { throw MillraceError(.connectionFailed, "down", isRetriable: true) }
        published.update { $0 += messages }
        accepted.fire()
    }
}

/// Loses its subscription after each third delivery, so many times.
final class CuttingSubscriber: Subscriber {
    let base: MemoryTransport
    let cuts: Box<Int>

    init(base: MemoryTransport, cuts: Int) {
        self.base = base
        self.cuts = Box(cuts)
    }

    var capabilities: Capabilities { base.capabilities }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        Cutting(base: try await base.subscribe(to: topic, options), cuts: cuts)
    }

    private final class Cutting: SubscriptionWrapper {
        let base: any Subscription
        let cuts: Box<Int>
        let delivered = Box(0)

        init(base: any Subscription, cuts: Box<Int>) {
            self.base = base
            self.cuts = cuts
        }

        func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
            if delivered.value >= 3,
                cuts.update({
                    $0 -= 1; return $0 >= 0
                })
            {
                throw MillraceError(.connectionFailed, "cut", isRetriable: true)
            }
            let pulled = try await base.pull(into: &batch, upTo: 1, until: deadline)
            delivered.update { $0 += 1 }
            return pulled
        }
    }
}

/// Sends its acknowledgements with the next flush, as brokers do.
final class LateAcknowledgements: Subscriber {
    let base: MemoryTransport

    init(base: MemoryTransport) { self.base = base }

    var capabilities: Capabilities { base.capabilities }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        Late(base: try await base.subscribe(to: topic, options))
    }

    private final class Late: SubscriptionWrapper {
        let base: any Subscription
        let acknowledged = Box<[DeliveryToken]>([])

        init(base: any Subscription) { self.base = base }

        func acknowledge(_ tokens: [DeliveryToken]) { acknowledged.update { $0 += tokens } }

        func flush() async throws {
            base.acknowledge(
                acknowledged.update { tokens in
                    defer { tokens = [] }
                    return tokens
                })
            try await base.flush()
        }
    }
}
