import Millrace
import MillraceTransportKit

/// A subscription of a consumer of a ``FanOut``.
///
/// It shares the consumer's branch with the consumer's other subscriptions, and knows what it holds itself: that goes back when it is
/// closed.
///
/// To transports that look for who publishes, it stands for the subscription that the consumers share: a handler that waits for room in
/// the topic that it reads must not wait for itself.
final class FanOutMember: SubscriptionWrapper {
    private let id: UInt64
    private let branch: FanOutBranch
    private let session: FanOutSession
    private let prefetch: Int
    private let lease: Duration
    private let keeper = Lock<Repetition?>(nil)
    private let state = Lock(FanOutMemberState())
    private let closing = Closing()

    init(id: UInt64, _ branch: FanOutBranch, of session: FanOutSession, _ options: SubscriptionOptions) {
        self.id = id
        self.branch = branch
        self.session = session
        prefetch = options.prefetch
        lease = options.lease
        let repetition = Repetition(every: lease / 4, of: session.plan.clock) { [weak self] in self?.endExpired() }
        keeper.withLock { $0 = repetition }
    }

    deinit {
        guard !closing.hasBegun else { return }
        giveBack()
        session.abandon(id)
    }

    private var plan: FanOutPlan { session.plan }
    private var buffer: DeliveryBuffer { branch.buffer }

    /// Waits until it can get messages, unless other consumers have yet to come. Throws what keeps it from that.
    func waitUntilOpen() async throws { try await session.waitUntilOpen() }

    var base: any Subscription { session.upstream ?? NoSubscription(to: plan.topic) }
    var topic: String { plan.topic }
    var group: String? { plan.consumers[branch.consumer] }

    /// What nobody in the group of the fan-out has, and what waits for this consumer.
    var lag: Int? { session.upstream?.lag.map { $0 + buffer.waitingCount } }

    // MARK: Pull

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        while true {
            switch state.withLock({ $0.admit(limit, prefetch: prefetch) }) {
            case .ended: return false
            case .wait(let change):
                // Looked for after the signal was there: what is lost from now on fires it.
                try session.checkFound()
                guard try await wait(for: change, until: deadline) else { return false }
            case .take(let room, let change):
                let start = batch.count
                defer { leave(reserved: room) }
                if try await buffer.pull(into: &batch, upTo: room, until: deadline, unless: change) {
                    if hold(&batch.records[start...]) { return true }
                    batch.records.removeSubrange(start...)
                } else if !change.hasFired {
                    return false
                }
            }
        }
    }

    private func leave(reserved room: Int) {
        state.withLock { $0.leave(reserved: room) }?.fire()
    }

    /// Takes note of what was pulled, and says where it lies in the topic. False when the subscription is closed: then it went back.
    private func hold(_ records: inout ContiguousArray<DeliveryRecord>.SubSequence) -> Bool {
        let isOpen = state.withLock { state in
            guard !state.isClosed else { return false }
            for record in records { state.held.insert(record.token) }
            return true
        }
        guard isOpen else {
            for record in records { _ = buffer.release(record.token) }
            return false
        }
        for index in records.indices {
            if let position = session.position(of: records[index].position) { records[index].position = position }
        }
        return true
    }

    private func wait(for change: Signal, until deadline: ClockInstant?) async throws -> Bool {
        guard let deadline else {
            try await change.wait()
            return true
        }
        let either = Signal()
        let timer = plan.clock.schedule(at: deadline) { either.fire() }
        let watch = change.whenFired { either.fire() }
        defer {
            timer.cancel()
            change.forget(watch)
        }
        try await either.wait()
        return change.hasFired
    }

    /// Lets pulls see that something has changed.
    func lookAgain() { state.withLock { $0.renewChange() }.fire() }

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        let (numbers, _) = buffer.finish(letGo(tokens))
        session.finish(numbers, by: branch.consumer)
        reportIgnored(tokens.count - numbers.count)
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        if case .acknowledge = settlement { return acknowledge([token]) }
        guard !letGo([token]).isEmpty else { return reportIgnored(1) }
        let isKnown =
            switch settlement {
            case .acknowledge: true
            case .release: buffer.release(token)
            case .retry(let delay): buffer.retry(token, after: delay) { _ in }
            case .reject(let reason): reject(token, reason)
            }
        if !isKnown { reportIgnored(1) }
    }

    private func reject(_ token: DeliveryToken, _ reason: String) -> Bool {
        guard let entry = buffer.remove(token) else { return false }
        session.finish([entry.position], by: branch.consumer, rejecting: reason)
        return true
    }

    /// Those of the deliveries that are this subscription's; they are not any more.
    private func letGo(_ tokens: [DeliveryToken]) -> [DeliveryToken] {
        let (own, change) = state.withLock { state in
            (tokens.filter { state.held.remove($0) != nil }, state.noticeRoom())
        }
        change?.fire()
        return own
    }

    func renew(_ tokens: [DeliveryToken]) { buffer.renew(tokens) }

    /// What was not settled in time comes to the consumer again.
    private func endExpired() {
        let expired = buffer.expire(state.withLock { $0.held }, lease: lease)
        guard !expired.isEmpty else { return }
        let change = state.withLock { state in
            state.held = state.held.filter { buffer.delivery(of: $0) != nil }
            return state.noticeRoom()
        }
        change?.fire()
        for entry in expired {
            guard let position = session.position(of: entry.position) else { continue }
            plan.observers.report(
                .warning, .leaseExpired(topic: topic, group: group, position: position, attempt: entry.attempt - 1))
        }
    }

    private func reportIgnored(_ count: Int) {
        if count > 0 { plan.observers.reportIgnored(count, of: self, isClosed: closing.hasBegun) }
    }

    // MARK: Live and end

    func pause() {
        state.withLock { state in
            state.isPaused = true
            return state.renewChange()
        }.fire()
    }

    func resume() {
        state.withLock { state in
            state.isPaused = false
            return state.renewChange()
        }.fire()
    }

    func stopFetching() {
        state.withLock { state in
            state.isStopped = true
            return state.renewChange()
        }.fire()
        session.stopFetching(id)
    }

    func flush() async throws { try await session.flush() }

    func close() async {
        await closing.run {
            stopFetching()
            keeper.withLock { $0 }?.cancel()
            giveBack()
            await session.leave(id)
        }
    }

    /// What it holds goes back to the branch, as if it had not been handed out.
    private func giveBack() {
        let held = state.withLock { state in
            state.isClosed = true
            defer { state.held = [] }
            return state.held
        }
        for token in held { _ = buffer.release(token) }
    }
}
