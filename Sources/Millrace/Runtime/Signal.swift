/// An event that happens once and that any number of tasks can wait for.
package final class Signal: Sendable {
    private enum State {
        case waiting(Waiting)
        case fired
    }

    private struct Waiting {
        var tasks: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var actions: [(id: UInt64, action: @Sendable () -> Void)] = []
        var nextID: UInt64 = 0
    }

    private let state = Lock(State.waiting(Waiting()))

    package init() {}

    /// Whether ``fire()`` was called.
    package var hasFired: Bool {
        state.withLock { if case .fired = $0 { true } else { false } }
    }

    /// Lets all waiters go, now and later. Calls after the first do nothing.
    package func fire() {
        let waiting = state.withLock { state -> Waiting? in
            guard case .waiting(let waiting) = state else { return nil }
            state = .fired
            return waiting
        }
        guard let waiting else { return }
        for task in waiting.tasks.values { task.resume() }
        for (_, action) in waiting.actions { action() }
    }

    /// Calls `action` when ``fire()`` is called, or at once when it was. Returns by what to ``forget(_:)`` it.
    @discardableResult
    package func whenFired(_ action: @escaping @Sendable () -> Void) -> UInt64 {
        let id = state.withLock { state -> UInt64? in
            guard case .waiting(var waiting) = state else { return nil }
            waiting.nextID += 1
            waiting.actions.append((waiting.nextID, action))
            state = .waiting(waiting)
            return waiting.nextID
        }
        if id == nil { action() }
        return id ?? 0
    }

    /// Does not call an action any more; for who may wait for a signal many times before it fires.
    package func forget(_ id: UInt64) {
        state.withLock { state in
            guard case .waiting(var waiting) = state else { return }
            waiting.actions.removeAll { $0.id == id }
            state = .waiting(waiting)
        }
    }

    /// Waits until ``fire()`` is called. Throws `CancellationError` when the task is cancelled before that.
    package func wait() async throws {
        let id = state.withLock { state -> UInt64? in
            guard case .waiting(var waiting) = state else { return nil }
            waiting.nextID += 1
            state = .waiting(waiting)
            return waiting.nextID
        }
        guard let id else { return }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Admission { case wait, resume, cancelled }
                let admission = state.withLock { state -> Admission in
                    guard case .waiting(var waiting) = state else { return .resume }
                    // Cancelled before it was registered: onCancel has run already and found nothing.
                    if Task.isCancelled { return .cancelled }
                    waiting.tasks[id] = continuation
                    state = .waiting(waiting)
                    return .wait
                }
                switch admission {
                case .wait: break
                case .resume: continuation.resume()
                case .cancelled: continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            let task = state.withLock { state -> CheckedContinuation<Void, any Error>? in
                guard case .waiting(var waiting) = state else { return nil }
                let task = waiting.tasks.removeValue(forKey: id)
                state = .waiting(waiting)
                return task
            }
            task?.resume(throwing: CancellationError())
        }
    }

    /// Waits until ``fire()`` is called, also in a cancelled task. For clean-up that must be complete.
    package func waitUncancellably() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            whenFired { done.resume() }
        }
    }

    /// Waits until it fires, or a time has passed; the waiting task may be cancelled and waits on.
    package func waitUncancellably(upTo limit: Duration, clock: any SchedulingClock) async {
        let over = Signal()
        let timer = clock.schedule(after: limit) { over.fire() }
        let watch = whenFired { over.fire() }
        await over.waitUncancellably()
        forget(watch)
        timer.cancel()
    }
}
