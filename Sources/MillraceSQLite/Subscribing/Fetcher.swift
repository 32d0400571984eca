import Millrace
import MillraceTransportKit

/// Fills a subscription's buffer: takes what nobody has and is due, then what is behind the group's cursor.
final class Fetcher: WriterOperation, @unchecked Sendable {
    // Safe to share: `state` has its lock; the rest is used on the writer's thread alone.
    private struct State {
        var isQueued = false
        /// Something has happened since the last look.
        var mustLookAgain = false
        var mayHaveMore = true
        var isClosed = false
        var isHungry = false
        /// How many pulls are under way, and whether nothing is fetched until there is one.
        var pulls = 0
        var isResting = false
        var timer: ScheduledTimer?
    }

    /// How many messages of keys that somebody is busy with may be passed over. Beyond that others have to wait as well: they
    /// are looked through again and again.
    static let maximumPassedOver = 4_096

    private let core: SQLiteCore
    private let membership: Membership
    private let buffer: DeliveryBuffer
    private let settler: Settler
    private let state = Lock(State())
    private var haul = Haul()
    private var room = 0
    private var failures = 0
    /// Called when the member was taken for dead. Set before the start.
    var onLost: @Sendable (Membership.Standing) -> Void = { _ in }
    var onCorruption: @Sendable (MillraceError) -> Void = { _ in }

    init(_ core: SQLiteCore, _ membership: Membership, _ buffer: DeliveryBuffer, _ settler: Settler) {
        self.core = core
        self.membership = membership
        self.buffer = buffer
        self.settler = settler
    }

    // MARK: From any thread

    /// There may be something new.
    func look() { ask { $0.mayHaveMore = true } }

    /// There is room again.
    func roomAppeared() { ask { _ in } }

    private func ask(_ change: (inout State) -> Void) {
        let (mustSubmit, wasHungry) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed else { return (false, false) }
            change(&state)
            guard !state.isQueued else {
                state.mustLookAgain = true
                return (false, false)
            }
            guard state.mayHaveMore, !state.isResting else { return (false, false) }
            defer { state.isHungry = false }
            state.isQueued = true
            return (true, state.isHungry)
        }
        if wasHungry { core.registry.countHungry(-1) }
        if mustSubmit { core.writer.submit(self) }
    }

    /// A pull begins.
    func pullBegins() {
        let wasResting = state.withLock { state in
            state.pulls += 1
            defer { state.isResting = false }
            return state.isResting
        }
        if wasResting { look() }
    }

    func pullEnds() { state.withLock { $0.pulls -= 1 } }

    /// A delivery was not settled in time. If nobody asks for more, whoever reads may be stuck: others shall have what there is.
    /// Returns whether that is so. May be called under the buffer's lock.
    func restUnlessPulled() -> Bool {
        state.withLock { state in
            state.isResting = state.pulls == 0
            return state.isResting
        }
    }

    func close() {
        let (wasHungry, timer) = state.withLock { state in
            defer { (state.isClosed, state.isHungry, state.timer) = (true, false, nil) }
            return (state.isHungry, state.timer)
        }
        timer?.cancel()
        if wasHungry { core.registry.countHungry(-1) }
    }

    // MARK: On the writer's thread

    override var isOptional: Bool { true }

    override func hasWork(_ store: SQLiteStore) throws -> Bool {
        haul = Haul()
        guard begin() else { return false }
        guard let cursor = try store.groups.cursor(of: membership.group) else { return true }
        let now = core.clock.unixMilliseconds
        if try store.topics.last(of: membership.topic) > cursor { return true }
        if try !store.claims.free(1, of: membership.group, at: now).isEmpty { return true }
        haul.nextDue = try store.claims.nextDue(of: membership.group, after: now)
        return false
    }

    override func begin() -> Bool {
        let isClosed = state.withLock { state in
            state.mustLookAgain = false
            return state.isClosed
        }
        haul.isFull = true
        if isClosed { return false }
        room = buffer.room()
        haul.isFull = room == 0
        return room > 0
    }

    override func run(_ store: SQLiteStore) throws {
        haul = try Haul.take(room, for: membership, from: store, at: core.clock.unixMilliseconds)
    }

    override func committed() {
        if failures > 0 { core.observers.report(.info, .connected(transport: "sqlite")) }
        failures = 0
        let haul = haul
        self.haul = Haul()
        guard haul.standing == .alive else {
            onLost(haul.standing)
            return settle(haul, mayHaveMore: haul.standing == .rejoined)
        }
        settler.keepsOrder = haul.keepsOrder
        arrive(haul)
        settle(haul, mayHaveMore: haul.isFull || haul.mustRepeat)
    }

    private func arrive(_ haul: Haul) {
        guard membership.isOrdered else {
            if !haul.returned.isEmpty { _ = buffer.arriveClaimed(haul.returned) }
            if !haul.fresh.isEmpty { buffer.arrive(haul.fresh) }
            return
        }
        // While these were taken, an earlier message of their key may have been given back: it has to come first.
        let refused = buffer.arrive(returned: haul.returned, fresh: haul.fresh) { settler.isGivingBack($0.message.key) }
        guard !refused.isEmpty else { return }
        settler.giveBack(refused)
    }

    override func skipped() { settle(haul, mayHaveMore: haul.isFull) }

    override func failed(_ error: MillraceError) {
        guard error.isRetriable else {
            onCorruption(error)
            return settle(Haul(), mayHaveMore: false)
        }
        if failures == 0 { core.observers.report(.warning, .disconnected(transport: "sqlite", error: error)) }
        failures += 1
        let delay = Duration.milliseconds(min(1_000, 20 << min(failures, 6)))
        core.clock.schedule(after: delay) { [weak self] in
            self?.state.withLock { $0.isQueued = false }
            self?.look()
        }
    }

    /// The look is over: plans the next one.
    private func settle(_ haul: Haul, mayHaveMore: Bool) {
        enum Next { case nothing, hungry, again }
        let next = state.withLock { state -> Next in
            state.isQueued = false
            if state.isClosed { return .nothing }
            state.timer?.cancel()
            state.timer = nil
            if state.mustLookAgain {
                state.mustLookAgain = false
                // It may have been told of room alone: what it knew before stands.
                state.mayHaveMore = true
                return .again
            }
            state.mayHaveMore = mayHaveMore
            if mayHaveMore { return haul.mustRepeat || !haul.returned.isEmpty || !haul.fresh.isEmpty ? .again : .nothing }
            guard !state.isHungry else { return .nothing }
            state.isHungry = true
            return .hungry
        }
        switch next {
        case .nothing: break
        case .again: roomAppeared()
        case .hungry: core.registry.countHungry(1)
        }
        if let due = haul.nextDue { look(at: due) }
    }

    /// A message that waits for its time will be due.
    private func look(at due: Int64) {
        let timer = core.clock.schedule(atUnixMilliseconds: due) { [weak self] in self?.look() }
        let isClosed = state.withLock { state in
            state.timer?.cancel()
            state.timer = timer
            return state.isClosed
        }
        if isClosed { timer.cancel() }
    }
}
