import Millrace
import Synchronization

/// One topic: a lock around its state, and what has to happen outside the lock.
final class MemoryTopic: Sendable {
    let name: String
    let registry: TopicRegistry
    private let state = Guarded(TopicState())
    private let canOffer: Bool
    /// Whether a publisher waits for room, or is about to. Set before the publisher counts what is settled, and read after a
    /// reader has noted what it settled, so that one of the two sees the other.
    let hasBlocked = Atomic<Bool>(false)
    private let unreported = Atomic<Int>(0)
    private let isReporting = Atomic<Bool>(false)

    init(name: String, registry: TopicRegistry) {
        self.name = name
        self.registry = registry
        canOffer = registry.options.publishReturns == .whenStored && !registry.options.alwaysRetains
    }

    var options: MemoryOptions { registry.options }
    var clock: any SchedulingClock { registry.clock }
    var observers: Observers { registry.observers }

    /// Calls `body` with the state under the lock. Nothing is resumed or called out to inside.
    @inline(__always)
    func locked<Result>(_ body: (inout TopicState) throws -> Result) rethrows -> Result {
        try state.locked(body)
    }

    // MARK: Publish

    /// Stores one message, and leaves nil behind, if all groups have room; otherwise the slow path has to see to it.
    @inline(__always)
    func offer(_ waiting: inout Message?) {
        guard canOffer else { return }
        var wakeups = Wakeups()
        // As many go as come: that keeps pace with the readers, and no publisher is held up. Outlives the lock.
        var spent: Message?
        locked { state in
            guard !state.isClosed, !state.inboxes.isEmpty, state.hasRoom else { return }
            if let message = waiting.take() { state.store(message, receipt: nil, wakeups: &wakeups) }
            spent = state.takeSpent()
        }
        wakeups.resume()
        _ = consume spent
    }

    /// Stores messages from `start` on until one has to wait. Returns how many are stored in all, and who is full.
    func store(
        _ messages: [Message], from start: Int, latch: PublishLatch?, beyondCapacity: Bool
    ) throws -> (stored: Int, full: [MemoryGroup]) {
        var wakeups = Wakeups()
        var dropped = 0
        var forgotten = 0
        var spent: [Message] = []
        defer { wakeups.resume() }
        let result = try locked { state throws -> (Int, [MemoryGroup]) in
            guard !state.isClosed else { throw TopicRegistry.closedError() }
            for index in start..<messages.count {
                if !beyondCapacity, !state.hasRoom, !hasRoomAfterCounting(&state) {
                    let full = state.groups.filter { !$0.inbox.pointee.hasRoom }
                    switch options.overflow {
                    // Who waits does so for all groups that keep it from being woken.
                    case .wait: return (index, state.groups.filter { !$0.inbox.pointee.isHalfEmpty })
                    case .refuse, .dropOldest: return (index, Array(full))
                    case .dropNewest:
                        dropped += full.count
                        state.storeWhereRoom(messages[index], receipt: latch?.receipts[index], wakeups: &wakeups)
                        forgotten += state.retain(messages[index], options)
                        continue
                    }
                }
                state.store(messages[index], receipt: latch?.receipts[index], wakeups: &wakeups)
                if let message = state.takeSpent() { spent.append(message) }
                forgotten += state.retain(messages[index], options)
            }
            return (messages.count, [])
        }
        if dropped > 0 { reportDropped(dropped, because: Self.fullGroup) }
        if forgotten > 0, options.retention == .untilClaimed {
            reportDropped(forgotten, because: "the topic has no subscriber")
        }
        return result
    }

    private static let fullGroup = "a consumer group is full"

    /// Drops the oldest message that nobody has of each group that is full. Returns false when a group has none: then the
    /// message that is to be published is the oldest.
    func makeRoom(in groups: [MemoryGroup]) -> Bool {
        var dropped: [MemoryEntry] = []
        var isFree = true
        for group in groups {
            group.locked { inside in
                locked { state in
                    group.countSettled()
                    guard !group.inbox.pointee.hasRoom else { return }
                    if let entry = inside.dropOldest() ?? group.inbox.pointee.arrived.popFirst() {
                        group.inbox.pointee.count -= 1
                        dropped.append(entry)
                    } else {
                        isFree = false
                    }
                }
            }
        }
        if !dropped.isEmpty { reportDropped(dropped.count, because: Self.fullGroup) }
        for entry in dropped { entry.receipt?.countDown() }
        return isFree
    }

    /// Stores a message for the groups that have room, and drops it for the others.
    func storeWhereRoom(_ message: Message, receipt: PublishReceipt?) throws {
        var wakeups = Wakeups()
        let full = try locked { state -> Int in
            guard !state.isClosed else { throw TopicRegistry.closedError() }
            state.countSettled()
            let full = state.inboxes.count { !$0.inbox.pointee.hasRoom }
            state.storeWhereRoom(message, receipt: receipt, wakeups: &wakeups)
            _ = state.retain(message, options)
            return full
        }
        wakeups.resume()
        if full > 0 { reportDropped(full, because: Self.fullGroup) }
    }

    /// Waits until there may be room, until a reader has stopped since `stops` was read, or until `stopping` fires. Throws
    /// `CancellationError`.
    func waitForRoom(since stops: Int, orUntil stopping: Signal?) async throws {
        let id = locked { $0.makeWaiterID() }
        let watch = stopping?.whenFired { [self] in locked { $0.blocked.remove(id) }?.resume() }
        defer { if let watch { stopping?.forget(watch) } }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: Waiters.Continuation) in
                let goOn = locked { state -> Bool in
                    if state.isClosed || Task.isCancelled || stopping?.hasFired == true { return true }
                    if registry.stops.load(ordering: .sequentiallyConsistent) != stops { return true }
                    hasBlocked.store(true, ordering: .sequentiallyConsistent)
                    if hasRoomAfterCounting(&state) { return true }
                    state.blocked.add(id, continuation)
                    return false
                }
                if goOn { continuation.resume() }
            }
        } onCancel: {
            locked { $0.blocked.remove(id) }?.resume()
        }
        try Task.checkCancellation()
    }

    /// Lets all publishers that wait look again.
    func wakeBlocked() {
        for publisher in locked({ $0.blocked.removeAll() }) { publisher.resume() }
    }

    private func hasRoomAfterCounting(_ state: inout TopicState) -> Bool {
        state.countSettled()
        return state.hasRoom
    }

    /// Takes settled messages off a group's count and lets publishers that wait for the room go on.
    func note(settled: Int, of group: MemoryGroup, wakeups: inout Wakeups) {
        group.settled.add(settled, ordering: .sequentiallyConsistent)
        guard hasBlocked.load(ordering: .sequentiallyConsistent) else { return }
        locked { state in
            state.wakePublishers(into: &wakeups)
            if state.blocked.isEmpty { hasBlocked.store(false, ordering: .sequentiallyConsistent) }
        }
    }

    /// Reports drops at once, and then once a second as long as there are any.
    func reportDropped(_ count: Int, because reason: String) {
        unreported.add(count, ordering: .relaxed)
        guard !isReporting.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let total = unreported.exchange(0, ordering: .relaxed)
        observers.report(.warning, .messagesDropped(topic: name, count: total, reason: reason))
        clock.schedule(after: .seconds(1)) { [self] in
            isReporting.store(false, ordering: .releasing)
            if unreported.load(ordering: .relaxed) > 0 { reportDropped(0, because: reason) }
        }
    }

    func overflow(of full: [MemoryGroup]) -> MillraceError {
        let names = full.map { $0.name.map { "'\($0)'" } ?? "a subscriber without a group" }.joined(separator: ", ")
        return MillraceError(
            .overflow, "topic '\(name)': \(names) holds \(options.capacity) messages, which is its capacity",
            isRetriable: true)
    }
}
