import Millrace
import Synchronization

/// A member of a group, as its reader sees it. Leaves the group when it is closed or abandoned.
final class MemorySubscription: Subscription {
    private let source: MemoryTopic
    let members: MemoryGroup
    private let member: UInt32
    /// When the last pull emptied the queue, by the system's clock; 0 when it left something or was not part of a stream.
    private let emptied = Atomic<Int64>(0)

    init(topic: MemoryTopic, group: MemoryGroup, member: UInt32) {
        source = topic
        members = group
        self.member = member
    }

    deinit { source.remove(member, of: members) }

    var topic: String { source.name }
    var group: String? { members.name }

    var lag: Int? {
        members.locked { inside in
            source.locked { _ in members.inbox.pointee.arrived.count } + inside.waitingCount + inside.delayedCount
        }
    }

    // MARK: Pull

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        letMessagesGather()
        while true {
            let (taken, version) = take(into: &batch, upTo: limit)
            switch taken {
            case .some: return true
            case .ended:
                passOn()
                return false
            case .nothing, .held:
                if let deadline, source.clock.now >= deadline { return false }
                try await park(since: version, isHeld: taken == .held, until: deadline)
            }
        }
    }

    /// Keeps a reader that is faster than the publishers from coming back for every single message: each visit takes the
    /// cache lines of lock and queue away from the publisher, at several times the price of a message. Not for readers that
    /// have spent much longer than that on their work, nor for a single message, which is what requests and replies are.
    @inline(__always)
    private func letMessagesGather() {
        let emptied = emptied.load(ordering: .relaxed)
        guard emptied != 0 else { return }
        let start = SystemClock.shared.now.nanoseconds
        guard start &- emptied < 20_000 else { return }
        while SystemClock.shared.now.nanoseconds &- start < 2_000 {}
    }

    @inline(__always)
    private func take(into batch: inout DeliveryBatch, upTo limit: Int) -> (GroupState.Taken, version: UInt64) {
        let now = source.clock.coarseNow
        var version: UInt64 = 0
        let (taken, lease, isEmpty) = members.locked { inside -> (GroupState.Taken, Int64?, Bool) in
            let taken = inside.take(for: member, into: &batch, upTo: limit, now: now.nanoseconds) { queue, spent in
                source.locked { _ in
                    if queue.isEmpty, !members.inbox.pointee.arrived.isEmpty {
                        swap(&queue, &members.inbox.pointee.arrived)
                        // Who has looked before, and is about to wait, has to look again: these may be too many for us.
                        members.inbox.pointee.version &+= 1
                    }
                    if members.inbox.pointee.spent.isEmpty { swap(&spent, &members.inbox.pointee.spent) }
                    members.countSettled()
                    version = members.inbox.pointee.version
                }
            }
            guard taken == .some, let lease = inside.member(member, { $0.lease }) else { return (taken, nil, false) }
            return (taken, inside.watch(until: now.nanoseconds.addingSaturating(lease)), inside.readyCount == 0)
        }
        let wasStream = taken == .some && isEmpty && batch.count > 1
        emptied.store(wasStream ? SystemClock.shared.now.nanoseconds : 0, ordering: .relaxed)
        if taken == .some { batch.receivedAt = now }
        if let lease { source.watchLeases(of: members, from: lease) }
        return (taken, version)
    }

    @inline(never)
    private func park(since version: UInt64, isHeld: Bool, until deadline: ClockInstant?) async throws {
        // Nobody may publish for long. Runs nobody else's code, so it may be done under the locks.
        members.locked { inside in
            inside.removeSpent()
            source.locked { _ in members.inbox.pointee.spent.removeAll() }
        }
        let id = source.locked { $0.makeWaiterID() }
        let timer = deadline.map { deadline in
            source.clock.schedule(at: deadline) { [source, members] in
                source.locked { _ in members.inbox.pointee.remove(id) }?.resume()
            }
        }
        defer { timer?.cancel() }
        // It may have been woken for a message that it can't take.
        if isHeld { passOn() }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: Waiters.Continuation) in
                var wakeups = Wakeups()
                let goOn = source.locked { state -> Bool in
                    if Task.isCancelled || members.inbox.pointee.version != version { return true }
                    if let deadline, source.clock.now >= deadline { return true }
                    if isHeld {
                        members.inbox.pointee.held.add(id, owner: member, continuation)
                    } else {
                        if !members.inbox.pointee.arrived.isEmpty { return true }
                        members.inbox.pointee.idle.add(id, owner: member, continuation)
                        state.wakePublishers(into: &wakeups)
                    }
                    return false
                }
                wakeups.resume()
                if goOn { continuation.resume() }
            }
        } onCancel: {
            source.locked { _ in members.inbox.pointee.remove(id) }?.resume()
        }
        guard Task.isCancelled else { return }
        passOn()
        throw CancellationError()
    }

    /// A reader that was woken for a message and does not take it lets another one look.
    private func passOn() { source.locked { _ in members.inbox.pointee.idle.removeLast() }?.resume() }

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        var receipts: [PublishReceipt] = []
        var ignored: [DeliveryToken] = []
        let mustWake = members.locked { inside -> Bool in
            let wasHeld = inside.member(member) { !$0.canTake } ?? false
            for token in tokens {
                guard let receipt = inside.discard(token) else {
                    ignored.append(token)
                    continue
                }
                if let receipt { receipts.append(receipt) }
            }
            return wasHeld || inside.returnedCount > 0
        }
        settled(tokens.count - ignored.count, mustWake: mustWake)
        for receipt in receipts { receipt.countDown() }
        if !ignored.isEmpty { reportIgnored(ignored) }
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge: acknowledge([token])
        case .release:
            guard members.locked({ $0.release(token) }) else { return reportIgnored([token]) }
            wake()
        case .retry(let delay): retry(token, after: delay)
        case .reject(let reason):
            guard let entry = members.locked({ $0.finish(token) }) else { return reportIgnored([token]) }
            source.registry.bury(entry, of: source, group: group, reason: reason)
            settled(1, mustWake: true)
            entry.receipt?.countDown()
        }
    }

    /// The timer is set outside the lock: a clock may call back at once.
    private func retry(_ token: DeliveryToken, after delay: Duration) {
        guard let id = members.locked({ $0.delay(token, isZero: delay <= .zero) }) else { return reportIgnored([token]) }
        if delay > .zero {
            let timer = source.clock.schedule(after: delay) { [source, members] in source.endDelay(id, in: members) }
            if !members.locked({ $0.setTimer(timer, of: id) }) { timer.cancel() }
        }
        wake()
    }

    func renew(_ tokens: [DeliveryToken]) {
        let now = source.clock.coarseNow.nanoseconds
        members.locked { inside in
            for token in tokens { inside.renew(token, now: now, by: member) }
        }
    }

    private func reportIgnored(_ tokens: [DeliveryToken]) {
        let reasons = members.locked { inside in tokens.map { inside.reason(toIgnore: $0, by: member) } }
        for reason in MillraceEvent.IgnoredSettlement.allCases {
            let count = reasons.count { $0 == reason }
            guard count > 0 else { continue }
            source.observers.report(
                .warning, .settlementIgnored(topic: topic, group: group, count: count, reason: reason))
        }
    }

    /// Messages have left the group: makes room for publishers, and lets readers look again if that may be of use.
    private func settled(_ count: Int, mustWake: Bool) {
        var wakeups = Wakeups()
        source.note(settled: count, of: members, wakeups: &wakeups)
        wakeups.resume()
        if mustWake { wake() }
    }

    /// Lets this member's readers look again, and others for what came back.
    private func wake() {
        source.change(members) { inbox, wakeups in inbox.wakeAll(of: member, into: &wakeups) }
    }

    // MARK: Live and end

    func pause() {
        members.locked { inside in _ = inside.member(member) { $0.isPaused = true } }
        wake()
    }

    func resume() {
        members.locked { inside in _ = inside.member(member) { $0.isPaused = false } }
        wake()
    }

    func stopFetching() {
        members.locked { inside in _ = inside.member(member) { $0.isStopped = true } }
        wake()
        source.registry.noteStop()
    }

    /// Whether nothing is to be fetched any more, while there are deliveries to settle.
    var isStopped: Bool { members.locked { inside in inside.member(member) { $0.isStopped } ?? false } }

    /// Settlements take effect at once; there is nothing on its way.
    func flush() async throws {}

    func close() async { source.remove(member, of: members) }
}
