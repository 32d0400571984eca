public import Millrace

/// What becomes of the messages of one publish call: known once, and waited for by the caller.
public final class PublishOutcome: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Void, any Error>?
        var result: Result<Void, any Error>?
    }

    private let count: Int
    private let topic: String
    private let state = Lock(State())
    /// Told of the outcome as well. Runs on any thread and must not block.
    private let whenKnown: (@Sendable (Result<Void, any Error>) -> Void)?

    /// What is waited for: the outcome of a call that publishes so many messages to a topic.
    public init(
        of count: Int, to topic: String, whenKnown: (@Sendable (Result<Void, any Error>) -> Void)? = nil
    ) {
        self.count = count
        self.topic = topic
        self.whenKnown = whenKnown
    }

    /// Whether the call has ended.
    public var isKnown: Bool { state.withLock { $0.result != nil } }

    /// Those of `failures` were not accepted, all others were. Only the first outcome counts.
    public func end(_ failures: [MillraceError.PublishFailure]) {
        end(failures.isEmpty ? .success(()) : .failure(MillraceError.publishFailed(failures, of: count, to: topic)))
    }

    private func end(_ result: Result<Void, any Error>) {
        let (isFirst, continuation) = state.withLock { state -> (Bool, CheckedContinuation<Void, any Error>?) in
            guard state.result == nil else { return (false, nil) }
            state.result = result
            return (true, state.continuation.take())
        }
        guard isFirst else { return }
        continuation?.resume(with: result)
        whenKnown?(result)
    }

    /// Waits for the outcome. A task that is cancelled knows nothing of its messages: what was sent may yet arrive.
    public func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state in
                    if state.result == nil { state.continuation = continuation }
                    return state.result
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            end(.failure(MillraceError.publishFailed(all: count, to: topic, CancellationError())))
        }
    }
}
