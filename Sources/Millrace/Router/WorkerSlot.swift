import Synchronization

/// What others may know of a worker and do to it: its deadline, its deliveries, and how to cancel it.
final class WorkerSlot: Sendable {
    private static let unarmed: Int64 = .max
    private static let fired: Int64 = .min

    /// When the attempt at hand has to end, in the clock's nanoseconds.
    private let deadline = Atomic<Int64>(unarmed)
    /// How many of `tokens` the worker has begun; everything beyond is taken back by whoever moves this to the end.
    private let begun = Atomic<Int>(0)

    /// Set when finished messages have waited for the rest of their batch long enough.
    private let wantsFlush = Atomic<Bool>(false)

    private struct State {
        var tokens: [DeliveryToken] = []
        var cancel: [@Sendable () -> Void] = []
        /// How many tasks the worker has had.
        var turn = 0
        var isCutOff = false
        /// The value of `begun` when the monitor last looked.
        var seen = 0
    }
    private let state = Lock(State())

    // MARK: Deadline

    @inline(__always)
    func arm(after nanoseconds: Int64, from now: ClockInstant) {
        let (sum, overflow) = now.nanoseconds.addingReportingOverflow(nanoseconds)
        deadline.store(overflow ? Self.unarmed : sum, ordering: .releasing)
    }

    /// Ends the deadline. Returns true if it had passed and the worker's task is cancelled: it has to be replaced then.
    @inline(__always)
    func disarm() -> Bool {
        let current = deadline.load(ordering: .acquiring)
        if current == Self.unarmed { return false }
        if current == Self.fired { return true }
        return !deadline.compareExchange(
            expected: current, desired: Self.unarmed, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Whether the worker's task was cancelled by a deadline.
    @inline(__always)
    var isSpent: Bool { deadline.load(ordering: .acquiring) == Self.fired }

    func checkDeadline(at now: ClockInstant) {
        let current = deadline.load(ordering: .acquiring)
        guard current != Self.unarmed, current != Self.fired, current <= now.nanoseconds,
            deadline.compareExchange(expected: current, desired: Self.fired, ordering: .acquiringAndReleasing).exchanged
        else { return }
        cancelCurrent()
    }

    // MARK: Task

    /// The worker is about to run in a new task, whose number this returns.
    func renew() -> Int {
        deadline.store(Self.unarmed, ordering: .releasing)
        return state.withLock { state in
            state.cancel = []
            state.turn += 1
            return state.turn
        }
    }

    /// The task of a number is cancelled like this. It may have begun, been cut off, or even ended by now.
    func adopt(_ turn: Int, cancel: @escaping @Sendable () -> Void) {
        let isCutOff = state.withLock { state in
            guard state.turn == turn else { return false }
            // Before those that it has started itself.
            state.cancel.insert(cancel, at: 0)
            return state.isCutOff || isSpent
        }
        if isCutOff { cancel() }
    }

    /// Runs `body` in a task of its own, which can be cancelled in the worker's place, and waits for it.
    func inFreshTask<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let task = Task { try await body() }
        let isCutOff = state.withLock { state in
            state.cancel.append { task.cancel() }
            return state.isCutOff
        }
        if isCutOff { task.cancel() }
        defer { state.withLock { _ = $0.cancel.popLast() } }
        return try await task.value
    }

    private func cancelCurrent() { state.withLock { $0.cancel.last }?() }

    /// The time to drain has run out: cancels the worker now and whatever it starts later.
    func cutOff() {
        let cancel = state.withLock { state in
            state.isCutOff = true
            return state.cancel
        }
        for cancel in cancel { cancel() }
    }

    var isCutOff: Bool { state.withLock { $0.isCutOff } }

    // MARK: Deliveries

    /// The worker has pulled a batch.
    func hold(_ records: ContiguousArray<DeliveryRecord>) {
        state.withLock { state in
            state.tokens.removeAll(keepingCapacity: true)
            for index in records.indices { state.tokens.append(records[index].token) }
            state.seen = 0
        }
        begun.store(0, ordering: .releasing)
    }

    /// The worker is done with its batch.
    func letGo() { state.withLock { $0.tokens.removeAll(keepingCapacity: true) } }

    /// Begins delivery `index` of the batch. Returns false when it has been taken back.
    @inline(__always)
    func begin(_ index: Int) -> Bool {
        begun.compareExchange(expected: index, desired: index &+ 1, ordering: .acquiringAndReleasing).exchanged
    }

    /// Asks the worker to settle what it has finished as soon as the message at hand is done.
    func requestFlush() { wantsFlush.store(true, ordering: .relaxed) }

    @inline(__always)
    func takeFlushRequest() -> Bool {
        guard wantsFlush.load(ordering: .relaxed) else { return false }
        wantsFlush.store(false, ordering: .relaxed)
        return true
    }

    /// What has to be kept alive while the worker works: its whole batch.
    var held: [DeliveryToken] { state.withLock { $0.tokens } }

    /// Takes back what a worker has not begun, if it has been busy with one message since the last call.
    func takeBackFromStuck() -> [DeliveryToken] {
        state.withLock { state in
            let current = begun.load(ordering: .acquiring)
            guard current > 0, current == state.seen, current < state.tokens.count else {
                state.seen = current
                return []
            }
            return takeBack(&state, from: current)
        }
    }

    private func takeBack(_ state: inout State, from current: Int) -> [DeliveryToken] {
        guard begun.compareExchange(expected: current, desired: .max, ordering: .acquiringAndReleasing).exchanged
        else { return [] }
        let rest = Array(state.tokens[current...])
        state.tokens.removeLast(rest.count)
        return rest
    }
}
