import Millrace

/// A subscription of a ``FaultyTransport``.
final class FaultySubscription: SubscriptionWrapper {
    private struct State {
        /// Second copies of deliveries that have not been handed out yet, and the tokens of those that have.
        var pending: [DeliveryRecord] = []
        var copies: Set<DeliveryToken> = []
        var nextCopy = UInt64.max
        var isCut = false
    }

    let base: any Subscription
    private let injector: FaultInjector
    private let state = Lock(State())

    init(_ base: any Subscription, injector: FaultInjector) {
        self.base = base
        self.injector = injector
    }

    // MARK: Pull

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        try checkConnection()
        if takeCopies(into: &batch, upTo: limit) { return true }
        let start = batch.count
        guard try await base.pull(into: &batch, upTo: limit, until: deadline) else {
            // A cut in another task's pull ends this one by way of stopFetching.
            try checkConnection()
            return false
        }
        var delay = Duration.zero
        var late: Set<DeliveryToken> = []
        for index in start..<batch.count { delay += strike(batch.records[index], late: &late) }
        if !late.isEmpty { Self.reorder(&batch.records[start...], late) }
        guard delay > .zero else { return true }
        do {
            try await injector.clock.sleep(for: delay)
        } catch {
            for record in batch.records[start...] { settle(record.token, .release) }
            batch.records.removeSubrange(start...)
            throw error
        }
        return true
    }

    /// Lets happen to a delivery what the plan says, and returns how long it is held up.
    private func strike(_ record: DeliveryRecord, late: inout Set<DeliveryToken>) -> Duration {
        var delay = Duration.zero
        for fault in injector.faults(at: .delivery) {
            switch fault {
            case .duplicateDelivery: copy(record)
            case .delayDelivery(let duration): delay += duration
            case .reorderDelivery: late.insert(record.token)
            case .cutSubscription: cut()
            default: break
            }
        }
        return delay
    }

    /// Moves late deliveries, and those of their keys that follow them, behind the others.
    private static func reorder(_ records: inout ArraySlice<DeliveryRecord>, _ late: Set<DeliveryToken>) {
        var held: Set<String?> = []
        var front: [DeliveryRecord] = []
        var back: [DeliveryRecord] = []
        for record in records {
            if late.contains(record.token) { held.insert(record.message.key) }
            if held.contains(record.message.key) { back.append(record) } else { front.append(record) }
        }
        for (index, record) in zip(records.indices, front + back) { records[index] = record }
    }

    private func copy(_ record: DeliveryRecord) {
        state.withLock { state in
            var copy = record
            copy.token = DeliveryToken(state.nextCopy)
            state.nextCopy -= 1
            state.copies.insert(copy.token)
            state.pending.append(copy)
        }
    }

    private func takeCopies(into batch: inout DeliveryBatch, upTo limit: Int) -> Bool {
        let copies = state.withLock { state in
            let copies = Array(state.pending.prefix(limit))
            state.pending.removeFirst(copies.count)
            return copies
        }
        guard !copies.isEmpty else { return false }
        batch.records += copies
        batch.receivedAt = injector.clock.now
        return true
    }

    // MARK: Cut

    private func cut() {
        state.withLock { $0.isCut = true }
        base.stopFetching()
    }

    private func checkConnection() throws {
        if state.withLock({ $0.isCut }) { throw FaultInjector.connectionFailed("topic '\(topic)'") }
    }

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        let arrived = tokens.filter { arrives($0, .acknowledge) }
        if !arrived.isEmpty { base.acknowledge(arrived) }
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        if arrives(token, settlement) { base.settle(token, settlement) }
    }

    /// Whether a settlement reaches the broker. That of a second copy means nothing to it.
    private func arrives(_ token: DeliveryToken, _ settlement: Settlement) -> Bool {
        let isLost = state.withLock { $0.copies.remove(token) != nil || $0.isCut }
        guard !isLost else { return false }
        if settlement == .acknowledge {
            return !injector.faults(at: .acknowledgement).contains(.dropAcknowledgement)
        }
        return !injector.faults(at: .settlement).contains(.dropSettlement)
    }

    func renew(_ tokens: [DeliveryToken]) {
        let own = state.withLock { state in state.isCut ? [] : tokens.filter { !state.copies.contains($0) } }
        base.renew(own)
    }

    // MARK: Live and end

    func stopFetching() {
        state.withLock { state in
            for copy in state.pending { state.copies.remove(copy.token) }
            state.pending = []
        }
        base.stopFetching()
    }

    func flush() async throws {
        try checkConnection()
        try await base.flush()
    }
}
