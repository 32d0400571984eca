import Millrace

/// The messages of one publish call on their way into the file.
final class PublishOperation: WriterOperation, @unchecked Sendable {
    private enum Phase {
        case waiting
        case running
        case ended(Result<Void, any Error>)
    }

    private struct State {
        var phase = Phase.waiting
        var continuation: CheckedContinuation<Void, any Error>?
    }

    private let messages: [Message]
    private let topic: String
    /// When to publish, in milliseconds since 1970; nil for at once.
    private let due: Int64?
    private let clock: any SchedulingClock
    private let onCommit: @Sendable (_ topic: Int64) -> Void
    /// On the writer's thread alone.
    private var topicID: Int64 = 0
    private let state = Lock(State())

    init(
        _ messages: [Message], to topic: String, due: Int64? = nil, clock: any SchedulingClock,
        onCommit: @escaping @Sendable (_ topic: Int64) -> Void
    ) {
        self.messages = messages
        self.topic = topic
        self.due = due
        self.clock = clock
        self.onCommit = onCommit
    }

    /// Waits until the messages are committed, or the task is cancelled before they have been begun.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<Void, any Error>? in
                    if case .ended(let result) = state.phase { return result }
                    state.continuation = continuation
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            // What the writer has begun takes a moment at most, and then it is known what became of it.
            end(.failure(allFailed(CancellationError())), unlessRunning: true)
        }
    }

    private func end(_ result: Result<Void, any Error>, unlessRunning: Bool = false) {
        let continuation = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            switch state.phase {
            case .ended: return nil
            case .running where unlessRunning: return nil
            default: break
            }
            state.phase = .ended(result)
            return state.continuation.take()
        }
        continuation?.resume(with: result)
    }

    func allFailed(_ error: any Error) -> MillraceError {
        MillraceError.publishFailed(all: messages.count, to: topic, error)
    }

    override func begin() -> Bool {
        state.withLock { state in
            guard case .waiting = state.phase else { return false }
            state.phase = .running
            return true
        }
    }

    override func run(_ store: SQLiteStore) throws {
        topicID = try store.topics.id(of: topic)
        let now = clock.unixMilliseconds
        if let due, due > now {
            try store.messages.schedule(messages, to: topicID, at: due)
        } else {
            try store.messages.append(messages, to: topicID, at: now)
        }
    }

    override func committed() {
        onCommit(topicID)
        end(.success(()))
    }

    override func failed(_ error: MillraceError) { end(.failure(allFailed(error))) }
}
