import Millrace

/// The messages of one call of `publish` on their way into a stream.
final class PublishCall: RedisCall, @unchecked Sendable {
    private struct State {
        var continuation: CheckedContinuation<Void, any Error>?
        var outcome: Result<Void, any Error>?
    }

    private let messages: [Message]
    private let topic: String
    private let maximumLength: Int?
    /// How many messages have been answered for. On the loop alone.
    private var answered = 0
    private var failures: [MillraceError.PublishFailure] = []
    private let state = Lock(State())

    init(_ messages: [Message], to topic: String, maximumLength: Int?) {
        self.messages = messages
        self.topic = topic
        self.maximumLength = maximumLength
    }

    /// Waits until the server has answered for all messages, or the task is cancelled.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = state.withLock { state in
                    if state.outcome == nil { state.continuation = continuation }
                    return state.outcome
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            // What was sent may yet arrive; nobody knows which.
            finish(.failure(allFailed(CancellationError())))
        }
    }

    private var isOver: Bool { state.withLock { $0.outcome != nil } }

    private func finish(_ outcome: Result<Void, any Error>) {
        let continuation = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            return state.continuation.take()
        }
        continuation?.resume(with: outcome)
    }

    private func allFailed(_ error: any Error) -> MillraceError {
        MillraceError.publishFailed(
            messages.indices.map { .init(index: $0, error: error) }, of: messages.count, to: topic)
    }

    // MARK: On the loop

    override func encode(into writer: inout RESPWriter) -> Int {
        guard !isOver else { return 0 }
        for message in messages[answered...] {
            writer.command(arguments: maximumLength == nil ? 9 : 12)
            writer.bulk("XADD")
            writer.bulk(topic)
            if let maximumLength {
                writer.bulk("MAXLEN")
                writer.bulk("~")
                writer.bulk(maximumLength)
            }
            writer.bulk("*")
            RedisLayout.encode(message, into: &writer)
        }
        return messages.count - answered
    }

    override func reply(_ reply: borrowing RedisReply) {
        if let text = reply.error { failures.append(.init(index: answered, error: RedisError.make(text, topic: topic))) }
        answered += 1
        guard answered == messages.count else { return }
        guard failures.isEmpty else {
            return finish(.failure(MillraceError.publishFailed(failures, of: messages.count, to: topic)))
        }
        finish(.success(()))
    }

    /// What was not answered for goes out again: it may arrive twice, but does not get lost.
    override func interrupted() -> Bool { !isOver }

    override func failed(_ error: MillraceError) {
        for index in answered..<messages.count { failures.append(.init(index: index, error: error)) }
        finish(.failure(MillraceError.publishFailed(failures, of: messages.count, to: topic)))
    }
}
