import Synchronization

/// The workers of one subscription: starts them, replaces the tasks that deadlines use up, watches over them, ends them.
final class WorkerPool: Sendable {
    private struct State {
        var running = 0
        var lost: (any Error)?
        var monitor: ScheduledTimer?
        var isOver = false
        var lastRenewal: ClockInstant
    }

    private let scope: WorkerScope
    private let workers: [any Worker]
    private let period: Duration
    private let state: Lock<State>
    private let over = Signal()

    init(_ scope: WorkerScope, middleware: [any Middleware]) {
        self.scope = scope
        let options = scope.definition.options
        var timeout: Duration?
        switch scope.definition.body {
        case .message(let body):
            let chain = Chain(middleware, body)
            timeout = chain.slotTimeout
            workers = (0..<options.concurrency).map { _ in MessageWorker(scope, chain: chain) }
        case .batch(let body, let limit, let wait, _):
            let body = BatchChain.wrap(body, in: middleware)
            workers = (0..<options.concurrency).map { _ in BatchWorker(scope, body: body, upTo: limit, within: wait) }
        }
        // Deadlines are kept to an eighth; stuck workers are found and leases renewed at leisure.
        let patience = min(.milliseconds(100), options.lease / 3)
        period = timeout.map { min(max($0 / 8, .milliseconds(1)), min(.milliseconds(50), patience)) } ?? patience
        state = Lock(State(lastRenewal: scope.environment.clock.now))
    }

    /// Runs until all workers have ended or were abandoned. Throws when the subscription was lost.
    func run() async throws {
        state.withLock { $0.running = workers.count }
        for worker in workers { start(worker) }
        watch()
        await over.waitUncancellably()
        let (monitor, lost) = state.withLock { state in
            state.isOver = true
            return (state.monitor, state.lost)
        }
        monitor?.cancel()
        if let lost { throw lost }
    }

    /// How many deliveries are with the workers.
    var inFlight: Int { workers.reduce(0) { $0 + $1.slot.held.count } }

    /// Cancels what the workers are doing.
    func cutOff() {
        for worker in workers { worker.slot.cutOff() }
    }

    /// Stops waiting for workers that do not end. How many deliveries they hold is in the status by the time `run` returns.
    func abandon() {
        scope.status.abandoned.store(max(1, inFlight), ordering: .releasing)
        over.fire()
    }

    /// Starts a task for a worker. It is awaited through `over`, which the last worker to end fires.
    private func start(_ worker: any Worker) {
        let scope = scope
        let turn = worker.slot.renew()
        let task = Task { [self] in
            let exit = await SubscriptionScope.$stopping.withValue(scope.stopping) {
                await SubscriptionScope.$current.withValue(scope.subscription) { await worker.run() }
            }
            ended(worker, exit)
        }
        worker.slot.adopt(turn) { task.cancel() }
    }

    private func ended(_ worker: any Worker, _ exit: WorkerExit) {
        switch exit {
        case .retired: return start(worker)
        case .ended: break
        case .lost(let error):
            state.withLock { if $0.lost == nil { $0.lost = error } }
            // The others have to see it, too; a lost subscription may not tell each of them.
            scope.subscription.stopFetching()
        }
        let isLast = state.withLock { state in
            state.running -= 1
            return state.running == 0
        }
        if isLast { over.fire() }
    }

    // MARK: Watch

    private func watch() {
        state.withLock { state in
            guard !state.isOver else { return }
            state.monitor = scope.environment.clock.schedule(after: period) { [weak self] in
                self?.look()
                self?.watch()
            }
        }
    }

    /// Ends attempts that took too long, renews leases, and frees what waits behind a message that takes its time.
    private func look() {
        let now = scope.environment.clock.now
        let renews = state.withLock { state in
            guard state.lastRenewal.duration(to: now) >= scope.definition.options.lease / 3 else { return false }
            state.lastRenewal = now
            return true
        }
        for worker in workers {
            worker.slot.checkDeadline(at: now)
            worker.slot.requestFlush()
            if renews { renew(worker.slot.held) }
            guard workers.count > 1 else { continue }
            for token in worker.slot.takeBackFromStuck() { scope.subscription.settle(token, .release) }
        }
    }

    private func renew(_ tokens: [DeliveryToken]) {
        if !tokens.isEmpty { scope.subscription.renew(tokens) }
    }
}
