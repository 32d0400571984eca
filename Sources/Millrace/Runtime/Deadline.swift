/// Thrown by ``withDeadline(_:clock:_:)`` when the time ran out.
package struct DeadlinePassed: Error {
    let cause: any Error
}

/// Runs `body` in a task of its own and cancels it after `timeout`.
///
/// Throws ``DeadlinePassed`` when the time ran out and `body` threw because of it. A `body` that ignores its cancellation is
/// waited for.
package func withDeadline<Result: Sendable>(
    _ timeout: Duration, clock: any SchedulingClock, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let work = Task { try await body() }
    let expired = Signal()
    let timer = clock.schedule(after: timeout) {
        expired.fire()
        work.cancel()
    }
    defer { timer.cancel() }
    return try await withTaskCancellationHandler {
        do {
            return try await work.value
        } catch  where expired.hasFired {
            throw DeadlinePassed(cause: error)
        }
    } onCancel: {
        work.cancel()
    }
}
