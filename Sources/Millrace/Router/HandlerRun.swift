import Synchronization

/// One handler while the router runs: subscribes, works, subscribes again when the subscription is lost, and ends in phases.
final class HandlerRun: Sendable {
    private struct State {
        var health: HandlerHealth.State = .starting
        var subscription: (any Subscription)?
        var pool: WorkerPool?
        var restarts = 0
        var error: (any Error)?
        var supervisor: Task<Void, Never>?
    }

    let definition: HandlerDefinition
    private let middleware: [any Middleware]
    private let control: HandlerControl
    private let environment: RouterEnvironment
    private let meter: HandlerMeter?
    private let status = WorkerStatus()
    private let history = AttemptHistory()
    private let state = Lock(State())
    /// Fires when the handler is subscribed, or has failed to.
    let settled = Signal()
    private let stopping = Signal()

    /// Keeps the subscription's pauses and resumptions in the order in which they were decided.
    private let pausing = Lock(false)

    init(
        _ definition: HandlerDefinition, middleware: [any Middleware], control: HandlerControl,
        environment: RouterEnvironment, meter: HandlerMeter? = nil
    ) {
        self.definition = definition
        self.middleware = middleware
        self.control = control
        self.environment = environment
        self.meter = meter
        control.whenChanged { [weak self] in self?.applyPause() }
    }

    private var name: String { definition.name }
    private var observers: Observers { environment.observers }

    /// Begins to subscribe. The task is awaited by ``stop()``.
    func start() {
        let supervisor = Task { await supervise() }
        state.withLock { $0.supervisor = supervisor }
    }

    // MARK: Supervise

    private func supervise() async {
        var failures = FailureStreak(environment.restart)
        while !stopping.hasFired {
            do {
                let subscription = try await definition.subscriber.subscribe(
                    to: definition.topic, definition.subscription)
                failures.begun(at: environment.clock.now)
                try await work(subscription)
                if stopping.hasFired { break }
                // Ended, though nobody asked for it: the transport was closed.
                throw MillraceError(.closed, "topic '\(definition.topic)': the subscription ended", isRetriable: true)
            } catch {
                if stopping.hasFired { break }
                guard (error as? MillraceError)?.isRetriable ?? true else {
                    fail(error)
                    return
                }
                await backOff(error, for: failures.failed(at: environment.clock.now, random: environment.random))
            }
        }
        state.withLock { if $0.health != .failed { $0.health = .stopped } }
        settled.fire()
        observers.report(.info, .handlerStopped(handler: name))
    }

    private func work(_ subscription: any Subscription) async throws {
        if definition.options.transactional, !(subscription.unwrapped is any TransactionalSubscription) {
            await subscription.close()
            throw MillraceError(
                .unsupported, "handler '\(name)': transactional is true, and the subscription has no transactions",
                isRetriable: false)
        }
        let scope = WorkerScope(
            definition: definition, environment: environment, subscription: subscription, status: status,
            control: control, history: history, stopping: stopping, meter: meter)
        let pool = WorkerPool(scope, middleware: middleware)
        pausing.withLock { isPaused in
            isPaused = false
            state.withLock { state in
                state.subscription = subscription
                state.pool = pool
                state.health = .running
            }
        }
        applyPause()
        // Stopped between subscribing and here: nobody else knows of this subscription yet.
        if stopping.hasFired { subscription.stopFetching() }
        settled.fire()
        observers.report(.info, .handlerStarted(handler: name, topic: definition.topic, group: definition.group))
        var failure: (any Error)?
        do {
            try await pool.run()
            try await subscription.flush()
        } catch {
            failure = error
        }
        await subscription.close()
        state.withLock { state in
            state.subscription = nil
            state.pool = nil
        }
        if let failure { throw failure }
    }

    private func fail(_ error: any Error) {
        state.withLock { state in
            state.health = .failed
            state.error = error
        }
        observers.report(.error, .handlerFailed(handler: name, error: error))
        settled.fire()
    }

    private func backOff(_ error: any Error, for delay: Duration) async {
        state.withLock { state in
            state.health = .restarting
            state.restarts += 1
            state.error = error
        }
        observers.report(
            .warning,
            .handlerRestarting(
                handler: name, topic: definition.topic, group: definition.group, after: delay, error: error))
        await stopping.waitUncancellably(upTo: delay, clock: environment.clock)
    }

    // MARK: Pause

    func pause() { control.pause(by: .caller) }

    func resume() {
        control.resume(by: .failurePolicy)
        control.resume(by: .caller)
    }

    /// Has the subscription do what the control says.
    private func applyPause() {
        let change = pausing.withLock { isPaused -> HandlerHealth.State? in
            let wanted = !control.holders.isEmpty
            guard wanted != isPaused else { return nil }
            let subscription = state.withLock { state -> (any Subscription)? in
                switch (state.health, wanted) {
                case (.running, true): state.health = .paused
                case (.paused, false): state.health = .running
                default: break
                }
                return state.subscription
            }
            guard let subscription else { return nil }
            isPaused = wanted
            if wanted { subscription.pause() } else { subscription.resume() }
            return wanted ? .paused : .running
        }
        switch change {
        case .paused: observers.report(.info, .handlerPaused(handler: name))
        case .running: observers.report(.info, .handlerResumed(handler: name))
        default: break
        }
    }

    // MARK: Stop

    /// Stops fetching, lets the workers finish, cancels them when their time is up, and closes the subscription. Returns how
    /// many deliveries had to be abandoned, because a handler ignored its cancellation.
    func stop() async -> Int {
        let (subscription, supervisor) = state.withLock { state in
            if state.health != .failed, state.health != .stopped { state.health = .draining }
            return (state.subscription, state.supervisor)
        }
        stopping.fire()
        status.isStopping.store(true, ordering: .sequentiallyConsistent)
        subscription?.stopFetching()
        // Still waiting for a broker: nothing has been fetched, so there is nothing to finish.
        if subscription == nil { supervisor?.cancel() }
        let cutOff = environment.clock.schedule(after: environment.drainTimeout) { [self] in
            pool?.cutOff()
        }
        let abandon = environment.clock.schedule(after: environment.drainTimeout + environment.cancellationGrace) { [self] in
            pool?.abandon()
        }
        await supervisor?.value
        cutOff.cancel()
        abandon.cancel()
        let count = status.abandoned.load(ordering: .acquiring)
        if count > 0 { observers.report(.error, .handlerAbandoned(handler: name, deliveries: count)) }
        return count
    }

    /// Cancels what the workers are doing.
    func cutOff() { pool?.cutOff() }

    private var pool: WorkerPool? { state.withLock { $0.pool } }

    // MARK: Report

    /// Why the handler has failed for good; nil if it has not.
    var failure: (any Error)? { state.withLock { $0.health == .failed ? $0.error : nil } }

    var health: HandlerHealth {
        let (current, restarts, error, pool, subscription) = state.withLock { state in
            (state.health, state.restarts, state.error, state.pool, state.subscription)
        }
        return HandlerHealth(
            name: name, topic: definition.topic, transport: definition.system, state: current,
            inFlight: pool?.inFlight ?? 0, lag: subscription?.lag, handled: status.handled.load(ordering: .relaxed),
            failed: status.failed.load(ordering: .relaxed), restarts: restarts,
            pausedBy: control.holders.sorted { $0.rawValue < $1.rawValue },
            lastError: (error ?? status.lastError).map { "\($0)" })
    }
}
