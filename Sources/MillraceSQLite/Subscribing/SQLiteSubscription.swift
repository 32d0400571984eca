import Millrace
import MillraceTransportKit

/// A member of a consumer group, or of a group of its own.
final class SQLiteSubscription: Subscription, @unchecked Sendable {
    // Safe to share: what changes has locks of its own.
    let topic: String
    let group: String?
    let buffer: DeliveryBuffer
    let core: SQLiteCore
    let membership: Membership
    private let lease: Duration
    private let fetcher: Fetcher
    private let settler: Settler
    private let closing = Closing()
    private let timers = Lock<[Repetition]>([])
    private let probe: LagProbe

    init(_ core: SQLiteCore, topic: String, _ options: SubscriptionOptions, _ membership: Membership) {
        self.core = core
        self.topic = topic
        self.membership = membership
        group = options.group
        lease = options.lease
        let wake = RoomSignal()
        // What other members ask for holds for this one as well.
        let ordered = membership.isOrdered ? Ordering.byKey : options.ordered
        buffer = DeliveryBuffer(prefetch: options.prefetch, ordered: ordered, clock: core.clock) { wake.fire() }
        settler = Settler(core, membership)
        fetcher = Fetcher(core, membership, buffer, settler)
        probe = LagProbe(membership)
        wake.fetcher = fetcher
        let (observers, buffer) = (core.observers, buffer)
        settler.onLate = { count in
            observers.report(
                .warning, .settlementIgnored(topic: topic, group: options.group, count: count, reason: .leaseExpired))
        }
        fetcher.onCorruption = { error in buffer.lose(error) }
        fetcher.onLost = { [weak self] in self?.wasLost($0) }
    }

    deinit {
        let wasClosed = closing.hasBegun
        guard !wasClosed else { return }
        for timer in timers.withLock({ $0 }) { timer.cancel() }
        fetcher.close()
        core.registry.remove(fetcher)
        core.writer.submit(leaving())
    }

    /// Begins to fetch, and to keep leases.
    func start() {
        core.registry.add(fetcher, membership)
        fetcher.look()
        every(.milliseconds(membership.lease) / 3) { $0.renewMembership() }
        every(lease / 4) { $0.endExpired() }
        core.writer.submit(probe)
        every(core.options.careInterval) { subscription in subscription.core.writer.submit(subscription.probe) }
    }

    private func every(_ interval: Duration, _ action: @escaping @Sendable (SQLiteSubscription) -> Void) {
        let timer = Repetition(every: interval, of: core.clock) { [weak self] in
            if let self, !closing.hasBegun { action(self) }
        }
        timers.withLock { timers in if !closing.hasBegun { timers.append(timer) } }
    }

    // MARK: Leases

    private func renewMembership() {
        let (core, membership) = (core, membership)
        let operation = SimpleOperation { store in
            try membership.renew(in: store, at: core.clock.unixMilliseconds)
        } done: { [weak self] result in
            // A renewal that fails is tried again in time.
            guard let self, let standing = try? result.get(), standing != .alive else { return }
            wasLost(standing)
        }
        core.writer.submit(operation, within: .milliseconds(20))
    }

    /// What was handed out for too long is for anybody, and with it what waits for it here.
    private func endExpired() {
        var expired: [DeliveryBuffer.Entry] = []
        buffer.withdrawExpired(lease: lease, mustRest: { fetcher.restUnlessPulled() }) { entries, behind in
            expired = entries
            settler.noteGivenBack(expired: entries, behind)
        }
        guard !expired.isEmpty else { return }
        settler.send()
        for entry in expired {
            core.observers.report(
                .warning, .leaseExpired(topic: topic, group: group, position: entry.position, attempt: entry.attempt))
        }
    }

    /// This process was away for longer than its lease, and others have taken over.
    private func wasLost(_ standing: Membership.Standing) {
        let count = buffer.withdrawAll()
        if standing == .gone {
            buffer.lose(
                MillraceError(
                    .connectionFailed,
                    "topic '\(topic)': the subscription's group is gone: it was removed, or nothing was heard of it for its lease",
                    isRetriable: true))
        }
        if count > 0 {
            core.observers.report(
                .warning, .settlementIgnored(topic: topic, group: group, count: count, reason: .leaseExpired))
        }
        fetcher.look()
    }

    // MARK: Pull

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        fetcher.pullBegins()
        defer { fetcher.pullEnds() }
        return try await buffer.pull(into: &batch, upTo: limit, until: deadline)
    }

    func pause() { buffer.pause() }
    func resume() { buffer.resume() }

    /// What nobody in the group has, as of a moment ago, and what waits here.
    var lag: Int? { probe.lag.map { $0 + buffer.waitingCount } }

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        let (_, ignored) = buffer.finish(tokens) { settler.note($0) }
        settler.send()
        if ignored > 0 { reportIgnored(ignored) }
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge: acknowledge([token])
        case .release: if !buffer.release(token) { reportIgnored(1) }
        case .retry(let delay) where delay > .zero: retry(token, after: delay)
        case .retry:
            let isKnown = buffer.retry(token, after: .zero) { [settler] entry in
                settler.note([.counted(entry.position, attempts: entry.attempt)])
            }
            if isKnown { settler.send() } else { reportIgnored(1) }
        case .reject(let reason): reject(token, reason)
        }
    }

    /// The file keeps the delay. What waits behind the message goes back as well: another member may be the one to go on.
    private func retry(_ token: DeliveryToken, after delay: Duration) {
        let milliseconds = delay.nanosecondsClamped / 1_000_000 + (delay.nanosecondsClamped % 1_000_000 == 0 ? 0 : 1)
        let due = core.clock.unixMilliseconds.addingReportingOverflow(milliseconds)
        let isKnown = buffer.withdraw(token) { entry, behind in
            settler.noteDelayed(entry, until: due.overflow ? .max : due.partialValue)
            settler.noteGivenBack(behind)
        }
        if isKnown { settler.send() } else { reportIgnored(1) }
    }

    private func reject(_ token: DeliveryToken, _ reason: String) {
        var target: String?
        if case .topicSuffix(let suffix) = core.options.deadLetters { target = topic + suffix }
        let entry = buffer.remove(token) { entry in
            let letter = DeadLetter(
                rejected: entry.message, reason: reason, topic: topic, group: group, transport: "sqlite",
                attempts: entry.attempt, at: core.clock.unixMilliseconds)
            settler.note([.buried(entry.position, letter: letter.letter, topic: target)])
        }
        guard entry != nil else { return reportIgnored(1) }
        settler.send()
        if target == nil { core.observers.report(.warning, .messagesDropped(topic: topic, count: 1, reason: reason)) }
    }

    func renew(_ tokens: [DeliveryToken]) { buffer.renew(tokens) }

    private func reportIgnored(_ count: Int) {
        core.observers.reportIgnored(count, of: self, isClosed: closing.hasBegun)
    }

    // MARK: End

    func stopFetching() { buffer.stop() }

    func flush() async throws { try await settler.flush() }

    func close() async {
        await closing.run {
            buffer.stop()
            fetcher.close()
            core.registry.remove(fetcher)
            for timer in timers.withLock({ $0 }) { timer.cancel() }
            _ = buffer.close()
            // What can't be written now comes back when the lease has run out.
            try? await settler.flush()
            let (membership, isNamed) = (membership, group != nil)
            let core = core
            try? await core.perform { store in try Self.leave(membership, isNamed: isNamed, in: store) }
            core.registry.noteFreed(in: membership.group)
        }
    }

    private func leaving() -> WriterOperation {
        let (membership, isNamed, core) = (membership, group != nil, core)
        return SimpleOperation { store in
            try Self.leave(membership, isNamed: isNamed, in: store)
        } done: { _ in
            core.registry.noteFreed(in: membership.group)
        }
    }

    private static func leave(_ membership: Membership, isNamed: Bool, in store: SQLiteStore) throws {
        try store.groups.leave(membership.member)
        if isNamed {
            try store.claims.leave(membership.member, of: membership.group, attempts: 0)
        } else {
            try store.claims.deleteAll(of: membership.group)
            try store.groups.delete(membership.group)
        }
    }
}
