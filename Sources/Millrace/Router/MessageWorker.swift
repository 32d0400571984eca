import Synchronization

/// A worker that hands its handler one message at a time.
///
/// The outputs of a batch are published together, and only then are its inputs acknowledged, together as well.
final class MessageWorker: Worker, @unchecked Sendable {
    // Safe to share: used by one task at a time; the pool starts the next one when the last has ended.
    let slot = WorkerSlot()
    private let scope: WorkerScope
    private let chain: Chain
    private let maximumAttempts: Int
    private var state: State

    /// What one task leaves to the next. A task keeps it in a local variable: access to an object's properties is checked for
    /// exclusivity, message by message.
    private struct State {
        var batch = DeliveryBatch()
        var next = 0
        var limit = BatchLimit()
        var outbox: Outbox
        var context: HandlerContext?
    }

    init(_ scope: WorkerScope, chain: Chain) {
        self.scope = scope
        self.chain = chain
        maximumAttempts = scope.definition.options.maximumAttempts ?? .max
        state = State(outbox: Outbox(scope))
    }

    func run() async -> WorkerExit {
        var state = self.state
        self.state = State(outbox: Outbox(scope))
        while true {
            if !state.batch.isEmpty {
                await handle(&state)
                if slot.isSpent, state.next < state.batch.count {
                    self.state = state
                    return .retired
                }
                await state.outbox.flush(state.batch, slot: slot)
                state.limit.end(state.batch.count, at: scope.environment.clock)
                slot.letGo()
                state.batch.removeAll()
                state.next = 0
                if slot.isSpent {
                    self.state = state
                    return .retired
                }
            }
            do {
                let limit = min(state.limit.current, scope.control.fetchLimit)
                guard try await scope.subscription.pull(into: &state.batch, upTo: limit) else { return .ended }
            } catch {
                // Cancelled means that the time to drain has run out; everything else, that the subscription is lost.
                return error is CancellationError ? .ended : .lost(error)
            }
            slot.hold(state.batch.records)
            state.limit.begin(at: scope.environment.clock)
            state.outbox.receivedAt = state.limit.start
        }
    }

    /// Handles a batch from `next` on, until its end or until the task is used up.
    @inline(__always)
    private func handle(_ state: inout State) async {
        let chain = chain
        // Taken out of the state, so that this is the only reference to it.
        var context = state.context.take() ?? HandlerContext(scope, slot: slot)
        defer {
            context.message = nil
            state.context = context
        }
        let slot = slot
        let status = scope.status
        let wantsTrace = scope.environment.observers.want(.trace)
        let receivedAt = state.batch.receivedAt
        while state.next < state.batch.count {
            if status.isStopping.load(ordering: .relaxed) { return release(&state) }
            let index = state.next
            // What others took back is no longer ours, and neither is what comes after it.
            guard slot.begin(index) else {
                state.next = state.batch.count
                return
            }
            state.next = index &+ 1
            var record = state.batch.records[index]
            if scope.isForAnotherGroup(&record.message) {
                state.outbox.add(Outputs(), of: record.token, at: index)
                continue
            }
            context.begin(record, receivedAt: receivedAt, maximumAttempts: maximumAttempts)
            if record.attempt > 1 { excuse(record, context) }
            var isShared = false
            do {
                let outputs = try await chain.run(record.message, context)
                isShared = HandlerContext.closeIfShared(&context)
                state.outbox.add(outputs, of: record.token, at: index)
                if context.hasNotes { state.outbox.note(context) }
                if wantsTrace { reportHandled(record, attempt: context.attempt) }
            } catch {
                isShared = HandlerContext.closeIfShared(&context)
                await context.concludeFailure(error)
                if error is RetryLater { context.rememberAttempts(of: record.message) }
                if error is HandedBack { context.restoreAttempts(of: record.message) }
                scope.settleFailure(record, error, isAcknowledged: context.isAcknowledged, wasCutOff: slot.isCutOff)
                // Somebody has to look at the failure first: what is fetched already keeps its place behind it.
                if error is HandedBack, scope.control.holders.contains(.failurePolicy) {
                    if isShared { context = HandlerContext(scope, slot: slot) }
                    return release(&state)
                }
            }
            if isShared { context = HandlerContext(scope, slot: slot) }
            if slot.isSpent { return }
            if state.outbox.isFull || slot.takeFlushRequest() { await state.outbox.flush(state.batch, slot: slot) }
        }
    }

    @inline(never)
    private func excuse(_ record: DeliveryRecord, _ context: HandlerContext) {
        let excused = scope.control.excused.count(of: record.message.id)
        guard excused > 0 else { return }
        context.excuse(excused, maximumAttempts: maximumAttempts)
    }

    private func reportHandled(_ record: DeliveryRecord, attempt: Int) {
        scope.environment.observers.report(
            .trace, .messageHandled(handler: scope.definition.name, id: record.message.id, attempt: attempt))
    }

    private func release(_ state: inout State) {
        for index in state.next..<state.batch.count where slot.begin(index) {
            scope.subscription.settle(state.batch.records[index].token, .release)
        }
        state.next = state.batch.count
    }
}

/// How many deliveries a worker takes at once: as many as it can handle in about a millisecond, so that fast handlers get the
/// good of batches and slow ones leave the rest to others.
struct BatchLimit {
    private static let maximum = 128
    private static let goal = Duration.milliseconds(1)

    private(set) var current = 1
    private(set) var start = ClockInstant(nanoseconds: 0)

    mutating func begin(at clock: any SchedulingClock) { start = clock.now }

    mutating func end(_ count: Int, at clock: any SchedulingClock) {
        let elapsed = start.duration(to: clock.now)
        if elapsed > Self.goal {
            current = max(1, min(current, count) / 2)
        } else if count == current, current < Self.maximum {
            current *= 2
        }
    }
}
