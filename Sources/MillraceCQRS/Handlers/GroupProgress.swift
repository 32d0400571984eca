import Millrace

/// Remembers which handlers of a group are done with an event that others have failed on.
///
/// Nothing is asked or noted for an event that is handled at the first attempt.
struct GroupProgress: Sendable {
    private let store: any DeduplicationStore
    private let prefix: String
    private let window: Duration
    /// Whether an attempt that is said to be the first is.
    private let trustsAttempts: Bool

    init(_ store: any DeduplicationStore, handler: String, window: Duration, trustsAttempts: Bool) {
        self.store = store
        // With its length in front a name can't run into the text behind it.
        prefix = "group:\(handler.utf8.count):\(handler):"
        self.window = window
        self.trustsAttempts = trustsAttempts
    }

    /// One attempt at a message.
    func pass(_ message: Message, _ context: HandlerContext) -> Pass {
        let isFirst =
            trustsAttempts && context.attempt == 1 && context.deliveryAttempt == 1
            && message.metadata[MetadataKey.replays] == nil
        return Pass(store: store, prefix: prefix + name(of: message), window: window, asks: !isFirst)
    }

    /// What tells an event from all others: ids by others are shared by many.
    private func name(of message: Message) -> String {
        var content = ContentHash()
        content.combine(message.key ?? "")
        message.payload.withUnsafeBytes { content.combine($0) }
        return "\(message.id)-\(String(content.value, radix: 16)):"
    }

    struct Pass: Sendable {
        /// For how long a reservation stands when its process dies.
        private static let lease = Duration.seconds(300)
        private static let lookAgain = Duration.seconds(1)

        fileprivate let store: any DeduplicationStore
        fileprivate let prefix: String
        fileprivate let window: Duration
        /// Whether handlers may be done already.
        fileprivate let asks: Bool
        private let owner = MessageID.next()
        private var held: [String] = []
        private var done: [String] = []

        fileprivate init(store: any DeduplicationStore, prefix: String, window: Duration, asks: Bool) {
            self.store = store
            self.prefix = prefix
            self.window = window
            self.asks = asks
        }

        /// Returns false for a handler that is done with the event.
        mutating func begin(_ step: String, _ context: HandlerContext) async throws -> Bool {
            guard asks else { return true }
            switch try await store.reserve(prefix + step, for: owner, lease: Self.lease) {
            case .duplicate: return false
            case .reserved:
                held.append(step)
                return true
            case .inProgress:
                let busy = MillraceError(
                    .invalidState, "event group '\(context.handler)': another process is in '\(step)' with the event",
                    isRetriable: true)
                guard context.canRetryLater else { throw busy }
                throw RetryLater(after: Self.lookAgain, because: busy)
            }
        }

        mutating func end(_ step: String) { done.append(step) }

        /// A handler has failed. What the others have made leaves, and it is noted that they are done; also in a task that is
        /// cancelled.
        func stop(publishing outputs: Outputs, on publisher: any Publisher, _ context: HandlerContext) async {
            let messages = outputs.withTrace(context.trace)
            let work = Task { [self] in
                do {
                    for batch in messages { try await publisher.publish(batch.messages, to: batch.topic) }
                    for step in done { try await store.commit(prefix + step, by: owner, keepFor: window) }
                    for step in held where !done.contains(step) { try await store.release(prefix + step, by: owner) }
                } catch {
                    for step in held { try? await store.release(prefix + step, by: owner) }
                    throw error
                }
            }
            guard case .failure(let error) = await work.result else { return }
            context.logger.warning(
                "handlers that are done with an event will be called again", ["handlers": "\(done)", "error": "\(error)"])
        }

        /// All are done.
        func complete(_ context: HandlerContext) {
            guard !held.isEmpty else { return }
            // The event may come back all the same, if what was made of it is not accepted.
            context.onOutcome { [self] _ in
                for step in held { try? await store.release(prefix + step, by: owner) }
            }
        }
    }
}

extension Outputs {
    /// The messages by topic, as part of a trace.
    fileprivate func withTrace(_ trace: TraceContext?) -> [TopicMessages] {
        var batches: [TopicMessages] = []
        for (topic, message) in all {
            guard let topic else { continue }
            var message = message
            if let trace, message.metadata[MetadataKey.traceParent] == nil {
                message.metadata[MetadataKey.traceParent] = trace.traceParent
                message.metadata[MetadataKey.traceState] = trace.state
            }
            if batches.last?.topic == topic {
                batches[batches.count - 1].messages.append(message)
            } else {
                batches.append(TopicMessages([message], to: topic))
            }
        }
        return batches
    }
}
