import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceSQLite
import MillraceTesting
import TestSupport

/// A broker with a fan-out of the topic "orders" to the consumers "a" and "b", and what tests do with their subscriptions.
struct FanOutBench {
    enum Kind: CaseIterable, Sendable { case memory, sqlite }

    let broker: any Transport
    let fanOut: FanOut
    private let folder: TemporaryFolder

    init(
        _ kind: Kind, prefetch: Int = 1_024, lease: Duration = .seconds(30), clock: any SchedulingClock = SystemClock.shared,
        observers: Observers = Observers([])
    ) async throws {
        folder = try TemporaryFolder()
        switch kind {
        case .memory: broker = MemoryTransport(clock: clock, observers: observers)
        case .sqlite: broker = try await SQLiteTransport(path: folder.file("orders.db"), clock: clock, observers: observers)
        }
        fanOut = FanOut(
            "orders", on: broker, group: "shop", to: ["a", "b"], prefetch: prefetch, lease: lease, clock: clock,
            observers: observers)
    }

    /// Publishes messages with these numbers as texts.
    func publish(_ numbers: Range<Int>, key: String? = nil) async throws {
        try await broker.publish(numbers.map { Message(text: "\($0)", key: key) }, to: "orders")
    }

    func subscribe(
        _ consumer: String, prefetch: Int = 256, ordered: Ordering = .byTransport, lease: Duration = .seconds(30)
    ) async throws -> any Subscription {
        try await fanOut.subscribe(
            to: "orders", SubscriptionOptions(group: consumer, prefetch: prefetch, ordered: ordered, lease: lease))
    }

    /// What the group of the fan-out has not acknowledged, once the fan-out is closed; acknowledges it.
    func unacknowledged() async throws -> [DeliveryRecord] {
        let subscription = try await broker.subscribe(to: "orders", SubscriptionOptions(group: "shop"))
        let end = Message(text: "end")
        try await broker.publish(end, to: "orders")
        var records: [DeliveryRecord] = []
        while records.last?.message != end { records += try await subscription.take(1) }
        subscription.acknowledge(records.map(\.token))
        try await subscription.flush()
        await subscription.close()
        return records.dropLast()
    }
}

extension Subscription {
    /// Takes so many deliveries, in order.
    func take(_ count: Int) async throws -> [DeliveryRecord] {
        try await withTimeLimit(.seconds(60), "\(count) deliveries of '\(self.group ?? "")'") { [self] in
            var batch = DeliveryBatch()
            while batch.count < count {
                guard try await pull(into: &batch, upTo: count - batch.count) else {
                    throw MillraceError(.closed, "ended with \(batch.count) of \(count)", isRetriable: false)
                }
            }
            return Array(batch.records)
        }
    }

    /// Whether there is nothing to take now.
    func isEmpty(on clock: any SchedulingClock = SystemClock.shared) async throws -> Bool {
        var batch = DeliveryBatch()
        return try await !pull(into: &batch, upTo: 1, until: clock.now)
    }

    func acknowledge(_ records: some Sequence<DeliveryRecord>) { acknowledge(records.map(\.token)) }
}

extension Sequence<DeliveryRecord> {
    var texts: [String] { compactMap(\.message.payload.text) }
    var attempts: [Int] { map(\.attempt) }
}

extension Log<Message> {
    /// Waits until so many different messages of a numbered set have come.
    func arrivals(of count: Int) async throws -> Arrivals {
        var arrivals = Arrivals()
        var seen = 0
        while arrivals.numbers.count < count {
            let messages = try await reach(seen + 1)
            for message in messages[seen...] where !arrivals.note(message) {
                throw MillraceError(.invalidMessage, "\(message) is not what was sent", isRetriable: false)
            }
            seen = messages.count
        }
        return arrivals
    }
}
