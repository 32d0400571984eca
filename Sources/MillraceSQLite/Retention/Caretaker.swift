import Millrace
import MillraceTransportKit

/// Looks from time to time for what nobody else does: members that have died, messages that are due, and what is to be deleted.
final class Caretaker: WriterOperation, @unchecked Sendable {
    // Safe to share: `state` has its lock; the rest is used on the writer's thread alone.
    private struct State {
        var isQueued = false
        /// Somebody has asked since the last look.
        var mustLookAgain = false
        var isClosed = false
        var tick: Repetition?
        var alarm: (due: Int64, timer: ScheduledTimer)?
    }

    /// How many scheduled messages a transaction publishes at most.
    private static let dueLimit = 1_000
    /// How many free pages there may be in any file before some are given back, and how many at a time.
    private static let freePages = 256

    private let core: SQLiteCore
    private let state = Lock(State())
    private var topicsDue: Set<Int64> = []
    private var freedGroups: Set<Int64> = []
    private var dropped: [(topic: String, count: Int)] = []
    private var mustRepeat = false
    private var nextDue: Int64?
    private var nextForgetting: Int64 = 0

    init(_ core: SQLiteCore) { self.core = core }

    // MARK: From any thread

    /// Begins to look.
    func start() {
        ask()
        let tick = Repetition(every: core.options.careInterval, of: core.clock) { [weak self] in self?.ask() }
        state.withLock { $0.tick = $0.isClosed ? nil : tick }
    }

    private func ask() {
        let mustSubmit = state.withLock { state in
            guard !state.isClosed else { return false }
            defer { state.isQueued = true }
            if state.isQueued { state.mustLookAgain = true }
            return !state.isQueued
        }
        if mustSubmit { core.writer.submit(self) }
    }

    /// A message is scheduled for a time, in milliseconds since 1970.
    func wake(at due: Int64) {
        let mustArm = state.withLock { state in !state.isClosed && state.alarm.map { due < $0.due } ?? true }
        guard mustArm else { return }
        guard due > core.clock.unixMilliseconds else { return ask() }
        let timer = core.clock.schedule(atUnixMilliseconds: due) { [weak self] in
            self?.state.withLock { $0.alarm = nil }
            self?.ask()
        }
        let old = state.withLock { state in
            defer { state.alarm = (due, timer) }
            return state.alarm
        }
        old?.timer.cancel()
    }

    func close() {
        let (tick, alarm) = state.withLock { state in
            state.isClosed = true
            return (state.tick, state.alarm)
        }
        tick?.cancel()
        alarm?.timer.cancel()
    }

    // MARK: On the writer's thread

    override var isOptional: Bool { true }

    override func hasWork(_ store: SQLiteStore) throws -> Bool {
        _ = begin()
        let now = core.clock.unixMilliseconds
        nextDue = try store.scheduled.nextDue()
        if let nextDue, nextDue <= now { return true }
        if now >= nextForgetting { return true }
        if try !dead(in: store, at: now).isEmpty { return true }
        if try !RetentionStep.all(core.options.retention, in: store, at: now).isEmpty { return true }
        return try hasManyFreePages(store)
    }

    override func begin() -> Bool {
        state.withLock { $0.mustLookAgain = false }
        return true
    }

    private func hasManyFreePages(_ store: SQLiteStore) throws -> Bool {
        let free = try store.retention.freePages()
        guard free > Self.freePages, free > Int(try store.connection.number("PRAGMA page_count")) / 4 else { return false }
        // Other files have no way to give pages back bit by bit.
        return try store.connection.number("PRAGMA auto_vacuum") == 2
    }

    override func run(_ store: SQLiteStore) throws {
        (topicsDue, freedGroups, dropped, mustRepeat) = ([], [], [], false)
        let now = core.clock.unixMilliseconds
        topicsDue = try store.scheduled.publishDue(at: now, limit: Self.dueLimit)
        nextDue = try store.scheduled.nextDue()
        for (member, group) in try dead(in: store, at: now) { try bury(member, of: group, in: store) }
        for step in try RetentionStep.all(core.options.retention, in: store, at: now) {
            let (deleted, unacknowledged) = try step.run(in: store)
            if unacknowledged > 0 { dropped.append((step.name, unacknowledged)) }
            if deleted >= RetentionStep.limit { mustRepeat = true }
        }
        if try hasManyFreePages(store) { try store.retention.vacuum(pages: Self.freePages) }
        if now >= nextForgetting {
            try store.retention.forgetInbox(before: now - core.options.inboxAge.nanosecondsClamped / 1_000_000)
        }
    }

    /// Members that have not been heard of in time. Not this transport's own: they will renew their leases.
    private func dead(in store: SQLiteStore, at now: Int64) throws -> [(member: Int64, group: Int64)] {
        try store.groups.dead(at: now).filter { !core.registry.contains($0.member) }
    }

    /// What a dead member had is for anybody, and counts as tried: it may be what killed the process.
    private func bury(_ member: Int64, of group: Int64, in store: SQLiteStore) throws {
        try store.groups.leave(member)
        switch try store.groups.isNamed(group) {
        case true?:
            try store.claims.leave(member, of: group, attempts: 1)
            freedGroups.insert(group)
        case false?:
            try store.claims.deleteAll(of: group)
            try store.groups.delete(group)
        case nil: break
        }
    }

    override func committed() {
        nextForgetting = max(nextForgetting, core.clock.unixMilliseconds + 60_000)
        for topic in topicsDue { core.registry.noteMessages(in: topic) }
        for group in freedGroups { core.registry.noteFreed(in: group) }
        for (topic, count) in dropped {
            core.observers.report(
                .warning, .messagesDropped(topic: topic, count: count, reason: "retention did not wait for all groups"))
        }
        end(mustRepeat: mustRepeat)
    }

    override func skipped() { end(mustRepeat: false) }

    // The next look will do.
    override func failed(_ error: MillraceError) { end(mustRepeat: false) }

    private func end(mustRepeat: Bool) {
        let mustLookAgain = state.withLock { state in
            state.isQueued = false
            return state.mustLookAgain
        }
        if let nextDue { wake(at: nextDue) }
        if mustRepeat || mustLookAgain { ask() }
    }
}
