import Synchronization

/// A worker that hands its handler many messages at a time.
final class BatchWorker: Worker, @unchecked Sendable {
    // Safe to share: used by one task at a time.
    typealias Body = @Sendable (HandlerBatch, HandlerContext) async throws -> Void

    let slot = WorkerSlot()
    private let scope: WorkerScope
    private let body: Body
    private let limit: Int
    private let wait: Duration
    private var context: HandlerContext

    init(_ scope: WorkerScope, body: @escaping Body, upTo limit: Int, within wait: Duration) {
        self.scope = scope
        self.body = body
        self.limit = limit
        self.wait = wait
        context = HandlerContext(scope, slot: slot)
    }

    func run() async -> WorkerExit {
        var batch = DeliveryBatch()
        while true {
            do {
                guard try await fill(&batch) else { return .ended }
            } catch {
                for record in batch.records { scope.subscription.settle(record.token, .release) }
                return error is CancellationError ? .ended : .lost(error)
            }
            skipReplays(&batch)
            rejectExhausted(&batch)
            if batch.isEmpty { continue }
            slot.hold(batch.records)
            await handle(batch)
            slot.letGo()
            batch.removeAll()
        }
    }

    /// Takes what is there, and then more until there is enough or the first message has waited long enough.
    private func fill(_ batch: inout DeliveryBatch) async throws -> Bool {
        guard try await scope.subscription.pull(into: &batch, upTo: limit) else { return false }
        let deadline = scope.environment.clock.now.advanced(by: wait)
        while batch.count < limit {
            guard try await scope.subscription.pull(into: &batch, upTo: limit - batch.count, until: deadline) else { break }
        }
        return true
    }

    /// Acknowledges what a `Replay` brought back for other groups.
    private func skipReplays(_ batch: inout DeliveryBatch) {
        var others: [DeliveryToken] = []
        for index in batch.records.indices where scope.isForAnotherGroup(&batch.records[index].message) {
            others.append(batch.records[index].token)
        }
        guard !others.isEmpty else { return }
        scope.subscription.acknowledge(others)
        batch.records.removeAll { others.contains($0.token) }
    }

    /// Gives up what was handed out too often before the handler sees it again: a message that crashes the process.
    private func rejectExhausted(_ batch: inout DeliveryBatch) {
        guard let maximum = scope.definition.options.maximumAttempts,
            batch.records.contains(where: { attempt(of: $0) > maximum })
        else { return }
        for record in batch.records where attempt(of: record) > maximum {
            let error = MillraceError.attemptsExhausted(
                handler: scope.definition.name, id: record.message.id, attempts: record.attempt)
            scope.settleFailure(record, error, wasCutOff: false)
        }
        batch.records.removeAll { attempt(of: $0) > maximum }
    }

    /// The number of a delivery's attempt, without those that are not to count.
    private func attempt(of record: DeliveryRecord) -> Int {
        record.attempt - scope.control.excused.count(of: record.message.id)
    }

    private func handle(_ batch: DeliveryBatch) async {
        if let first = batch.records.first {
            context.begin(first, receivedAt: batch.receivedAt, maximumAttempts: .max)
            context.message = nil
            // As the whole is tried again, and none is to be given up early.
            context.attempt = max(1, batch.records.lazy.map { self.attempt(of: $0) }.min() ?? 1)
        }
        let settlements = HandlerBatch.Settlements()
        let clock = scope.environment.clock
        let start = clock.now
        var failure: (any Error)?
        do {
            try await body(HandlerBatch(batch, of: scope.subscription, settlements: settlements), context)
        } catch {
            failure = error
        }
        let actions = context.hasNotes ? context.take { $0.takeActions() } : []
        if HandlerContext.closeIfShared(&context) { context = HandlerContext(scope, slot: slot) }
        for action in actions { await action(failure.map(MessageOutcome.failed) ?? .accepted) }
        let settled = settlements.tokens.withLock { $0 }
        let open = batch.records.filter { !settled.contains($0.token) }
        guard let failure else {
            scope.status.handled.add(batch.count, ordering: .relaxed)
            for record in batch.records { scope.control.excused.remove(record.message.id) }
            scope.meter?.acknowledged(open.count, after: start.duration(to: clock.now))
            return scope.subscription.acknowledge(open.map(\.token))
        }
        for record in open { scope.settleFailure(record, failure, wasCutOff: slot.isCutOff) }
    }
}
