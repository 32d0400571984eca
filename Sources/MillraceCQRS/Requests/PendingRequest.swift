import Millrace

/// A request that waits for its answers. They are taken up by one task.
final class PendingRequest: Sendable {
    private struct State {
        var replies: [Message] = []
        var numbers: Set<String> = []
        /// How it ends when the replies are taken up; nil while more may come.
        var end: Result<Void, any Error>?
        var waiter: CheckedContinuation<Void, Never>?
    }

    let id: String
    private let limit: Int
    private let state = Lock(State())

    init(_ id: String, limit: Int) {
        self.id = id
        self.limit = limit
    }

    /// What became of an answer.
    enum Taking { case taken, takenAsLast, repeated }

    /// Takes an answer in.
    func deliver(_ reply: Message, _ kind: ReplyKind) -> Taking {
        let (taking, waiter) = state.withLock { state -> (Taking, CheckedContinuation<Void, Never>?) in
            guard state.end == nil else { return (.repeated, nil) }
            let isNew = state.numbers.insert(reply.metadata[MetadataKey.replyIndex] ?? "0").inserted
            // The end counts whatever its number is: a handler that is run again may come to another one.
            guard isNew || kind.isLast else { return (.repeated, nil) }
            if kind == .last, !isNew {
                state.end = .success(())
            } else if state.replies.count >= limit {
                state.end = .failure(
                    MillraceError(
                        .overflow, "request \(id): \(limit) answers wait to be taken up, and another one has come",
                        isRetriable: false))
            } else {
                state.replies.append(reply)
                if kind.isLast { state.end = .success(()) }
            }
            return (state.end == nil ? .taken : .takenAsLast, state.waiter.take())
        }
        waiter?.resume()
        return taking
    }

    /// Ends it; what has come can still be taken up. Does nothing when it has ended.
    func end(_ result: Result<Void, any Error>) {
        let waiter = state.withLock { state in
            if state.end == nil { state.end = result }
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// The next answer, or nil when there are no more. Throws why it has ended, and `CancellationError` when the task is cancelled.
    func next() async throws -> Message? {
        while true {
            try Task.checkCancellation()
            if let result = try state.withLock({ state throws -> Message?? in
                if !state.replies.isEmpty { return .some(state.replies.removeFirst()) }
                guard let end = state.end else { return nil }
                try end.get()
                return .some(nil)
            }) {
                return result
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isReady = state.withLock { state in
                        if !state.replies.isEmpty || state.end != nil || Task.isCancelled { return true }
                        state.waiter = continuation
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.waiter.take() }?.resume()
            }
        }
    }
}
