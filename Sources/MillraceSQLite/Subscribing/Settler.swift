import Millrace
import MillraceTransportKit

/// Gathers how deliveries have ended, and writes it into the file together.
final class Settler: WriterOperation, @unchecked Sendable {
    // Safe to share: `state` has its lock; `taken` is used on the writer's thread alone.
    enum Change {
        /// Handed out once more, by the same member.
        case counted(Position, attempts: Int)
        /// For anybody, from a time on.
        case givenBack(Position, attempts: Int, notBefore: Int64)
        /// To the dead letters; with no topic it is dropped.
        case buried(Position, letter: Message, topic: String?)
    }

    struct Settlements {
        var done: [Int64] = []
        var changes: [Change] = []
        /// The keys of messages that are given back: until that is written, a fetch does not know of it.
        var keys: Set<String?> = []
        var isEmpty: Bool { done.isEmpty && changes.isEmpty }
    }

    private struct State {
        var pending = Settlements()
        /// The keys of what is being written.
        var takenKeys: Set<String?> = []
        var isQueued = false
        var given = 0
        var written = 0
        var flushes: [(upTo: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    }

    /// How long acknowledgements wait for others, and how many of them wait at most.
    private static let delay = Duration.milliseconds(2)
    private static let enough = 256

    private let core: SQLiteCore
    private let membership: Membership
    private let state = Lock(State())
    private var taken = Settlements()
    private var takenUpTo = 0
    /// Whether it is in the transaction at hand; it may have been submitted more than once.
    private var isBegun = false
    private var late = 0
    private var buriedIn: Set<Int64> = []
    private var failures = 0
    /// Whether what is done may let others of its key go on. On the writer's thread.
    var keepsOrder = false
    /// Called with the number of settlements that came when the messages were somebody else's already. Set before the start.
    var onLate: @Sendable (Int) -> Void = { _ in }

    init(_ core: SQLiteCore, _ membership: Membership) {
        self.core = core
        self.membership = membership
    }

    // MARK: From any thread

    /// Notes messages that are done. May be called under the buffer's lock; ``send()`` has to follow outside of it.
    func note(_ positions: [Position]) {
        state.withLock { state in
            for position in positions { state.pending.done.append(Int64(position.low)) }
            state.given += positions.count
        }
    }

    /// Notes something else. As ``note(_:)``.
    func note(_ changes: [Change]) {
        state.withLock { state in
            state.pending.changes += changes
            state.given += changes.count
        }
    }

    /// Notes messages that are for anybody again, at once; `expired` with an attempt more. As ``note(_:)``.
    func noteGivenBack(expired: [DeliveryBuffer.Entry] = [], _ entries: [DeliveryBuffer.Entry]) {
        note(
            expired.map { .givenBack($0.position, attempts: $0.attempt + 1, notBefore: 0) }
                + entries.map { .givenBack($0.position, attempts: $0.attempt, notBefore: 0) })
        noteKeys(of: expired + entries)
    }

    /// Notes a message that is for anybody from a time on. As ``note(_:)``.
    func noteDelayed(_ entry: DeliveryBuffer.Entry, until time: Int64) {
        note([.givenBack(entry.position, attempts: entry.attempt + 1, notBefore: time)])
        noteKeys(of: [entry])
    }

    private func noteKeys(of entries: [DeliveryBuffer.Entry]) {
        guard membership.isOrdered else { return }
        state.withLock { state in for entry in entries { state.pending.keys.insert(entry.message.key) } }
    }

    /// Gives messages back at once.
    func giveBack(_ entries: [DeliveryBuffer.Entry]) {
        noteGivenBack(entries)
        send()
    }

    /// Whether messages of a key are being given back, and that is not written yet.
    func isGivingBack(_ key: String?) -> Bool {
        state.withLock { $0.pending.keys.contains(key) || $0.takenKeys.contains(key) }
    }

    /// Sees to it that what was noted is written soon.
    func send() {
        enum Urgency { case none, soon, now }
        let urgency = state.withLock { state -> Urgency in
            guard !state.pending.isEmpty else { return .none }
            let isMuch = state.pending.done.count >= Self.enough || !state.pending.changes.isEmpty
            if state.isQueued, !isMuch { return .none }
            state.isQueued = true
            return isMuch ? .now : .soon
        }
        switch urgency {
        case .none: break
        case .soon: core.writer.submit(self, within: Self.delay)
        case .now: core.writer.submit(self)
        }
    }

    /// Waits until everything noted so far is written. Throws a `MillraceError` when that fails; it is tried again all the same.
    func flush() async throws {
        try await withCheckedThrowingContinuation { continuation in
            let isDone = state.withLock { state in
                if state.written >= state.given { return true }
                state.flushes.append((state.given, continuation))
                state.isQueued = true
                return false
            }
            if isDone {
                continuation.resume()
            } else if !core.writer.submit(self) {
                resumeFlushes(throwing: SQLiteCore.closed)
            }
        }
    }

    private func resumeFlushes(throwing error: MillraceError? = nil) {
        let ready = state.withLock { state in
            let ready = state.flushes.filter { error != nil || $0.upTo <= state.written }
            state.flushes.removeAll { error != nil || $0.upTo <= state.written }
            return ready
        }
        for (_, continuation) in ready {
            if let error { continuation.resume(throwing: error) } else { continuation.resume() }
        }
    }

    // MARK: On the writer's thread

    override func begin() -> Bool {
        state.withLock { state in
            taken.done += state.pending.done
            taken.changes += state.pending.changes
            state.takenKeys.formUnion(state.pending.keys)
            state.pending = Settlements()
            state.isQueued = false
            takenUpTo = state.given
        }
        guard !isBegun else { return false }
        isBegun = !taken.isEmpty
        return isBegun
    }

    override func run(_ store: SQLiteStore) throws {
        (late, buriedIn) = (0, [])
        let now = core.clock.unixMilliseconds
        for change in taken.changes { try write(change, to: store, at: now) }
        var done = taken.done[...]
        if !done.indices.dropFirst().allSatisfy({ done[$0 - 1] < done[$0] }) { done.sort() }
        // Most are neighbours.
        while let first = done.first {
            var count = 1
            while count < done.count, done[done.startIndex + count] == first &+ Int64(count) { count += 1 }
            let range = first...first + Int64(count - 1)
            late += count - (try store.claims.delete(range, of: membership.group, by: membership.member))
            done = done.dropFirst(count)
        }
    }

    private func write(_ change: Change, to store: SQLiteStore, at now: Int64) throws {
        let (group, member) = (membership.group, membership.member)
        switch change {
        case .counted(let position, let attempts):
            try store.claims.setAttempts(Int64(attempts), of: Int64(position.low), of: group, by: member)
        case .givenBack(let position, let attempts, let time):
            let isMine = try store.claims.giveBack(
                Int64(position.low), of: group, by: member, notBefore: time, attempts: Int64(attempts))
            if !isMine { late += 1 }
        case .buried(let position, let letter, let topic):
            let place = Int64(position.low)
            guard try store.claims.delete(place...place, of: group, by: member) > 0 else { return late += 1 }
            guard let topic else { return }
            let id = try store.topics.id(of: topic)
            try store.messages.append([letter], to: id, at: now)
            buriedIn.insert(id)
        }
    }

    override func committed() {
        failures = 0
        let hasFreed = keepsOrder || !taken.changes.isEmpty
        taken = Settlements()
        isBegun = false
        state.withLock { state in
            state.written = takenUpTo
            state.takenKeys = []
        }
        resumeFlushes()
        for topic in buriedIn { core.registry.noteMessages(in: topic) }
        if hasFreed { core.registry.noteFreed(in: membership.group) }
        if late > 0 { onLate(late) }
    }

    override func skipped() {
        state.withLock { if taken.isEmpty { $0.written = takenUpTo } }
        resumeFlushes()
    }

    override func failed(_ error: MillraceError) {
        isBegun = false
        resumeFlushes(throwing: error)
        if failures == 0 { core.observers.report(.error, .disconnected(transport: "sqlite", error: error)) }
        failures += 1
        // The member stays alive and so keeps its messages: this has to be done, or they would never come back.
        core.clock.schedule(after: .milliseconds(min(5_000, 20 << min(failures, 8)))) { [weak self] in
            guard let self else { return }
            state.withLock { $0.isQueued = true }
            core.writer.submit(self)
        }
    }
}
