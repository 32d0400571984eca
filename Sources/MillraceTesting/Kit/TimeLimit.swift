import Millrace

/// Runs `body` and throws a `MillraceError` of code `deadlineExceeded` when it takes longer than `limit` of real time.
///
/// A body that is still running then is cancelled and left behind, so that a test of something that hangs fails instead of
/// hanging itself. Cancelling the calling task cancels `body`, which is waited for.
public func withTimeLimit<Success: Sendable>(
    _ limit: Duration, _ purpose: @autoclosure @escaping @Sendable () -> String,
    _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    let race = Race<Success>()
    let work = Task {
        do {
            race.finish(.success(try await body()))
        } catch {
            race.finish(.failure(error))
        }
    }
    let timer = SystemClock.shared.schedule(after: limit) {
        let late = MillraceError(.deadlineExceeded, "\(purpose()): not done within \(limit)", isRetriable: false)
        race.finish(.failure(late))
        work.cancel()
    }
    defer { timer.cancel() }
    return try await withTaskCancellationHandler {
        try await race.outcome()
    } onCancel: {
        work.cancel()
    }
}

/// The first result of several that are tried for.
private final class Race<Success: Sendable>: Sendable {
    private let first = Lock<Result<Success, any Error>?>(nil)
    private let decided = Signal()

    func finish(_ result: Result<Success, any Error>) {
        first.withLock { if $0 == nil { $0 = result } }
        decided.fire()
    }

    func outcome() async throws -> Success {
        await decided.waitUncancellably()
        guard let result = first.withLock({ $0 }) else { throw CancellationError() }
        return try result.get()
    }
}
