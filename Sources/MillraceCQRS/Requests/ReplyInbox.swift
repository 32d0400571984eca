import Millrace

/// The topic on which a process gets the answers to all of its requests, told apart by their ids.
///
/// It is opened by the first request.
final class ReplyInbox: Sendable {
    private struct State {
        var pending: [String: PendingRequest] = [:]
        var count = 0
        var reader: ReplyReader?
        var isClosed = false
    }

    let topic: String
    private let id = MessageID.next().description
    private let isOwn: Bool
    private let subscriber: any Subscriber
    private let options: CQRSOptions
    private let statistics: StatisticsCounter
    private let state = Lock(State())

    init(_ subscriber: any Subscriber, prefix: String, _ options: CQRSOptions, _ statistics: StatisticsCounter) {
        self.subscriber = subscriber
        self.options = options
        self.statistics = statistics
        switch options.replies.inbox {
        case .perProcess:
            topic = "\(prefix)replies.\(id)"
            isOwn = true
        case .named(let name):
            topic = name
            isOwn = false
        }
    }

    /// Nobody can wait for an answer any more. The topic stays: only ``close()`` can wait for its removal.
    deinit { state.withLock { $0.reader }?.stop() }

    var pendingCount: Int { state.withLock { $0.pending.count } }

    /// A request to wait for, when the inbox is open. Throws what subscribing to its topic throws, and `DeadlinePassed` when that
    /// takes longer than `timeout`.
    func begin(within timeout: Duration) async throws -> PendingRequest {
        let reader = try state.withLock { state in
            guard !state.isClosed else { throw closed() }
            if let reader = state.reader, !reader.hasFailed { return reader }
            let reader = ReplyReader(topic, subscriber, options) { [weak self] in self?.take($0) }
            state.reader = reader
            return reader
        }
        if !reader.isOpen { try await withDeadline(timeout, clock: options.clock) { try await reader.open() } }
        return try state.withLock { state in
            guard !state.isClosed else { throw closed() }
            state.count += 1
            let request = PendingRequest("\(id).\(state.count)", limit: options.replies.maximumBuffered)
            state.pending[request.id] = request
            return request
        }
    }

    /// Nobody waits for a request any more.
    func forget(_ request: PendingRequest) { state.withLock { $0.pending[request.id] = nil } }

    private func take(_ reply: Message) {
        guard let id = reply.metadata[MetadataKey.requestID], id.hasPrefix(self.id),
            let kind = reply.metadata[MetadataKey.replyKind].flatMap(ReplyKind.init)
        else { return statistics.add(1, to: \.foreignReplies) }
        guard let request = state.withLock({ $0.pending[id] }) else {
            statistics.add(1, to: \.lateReplies)
            return options.observers.report(
                .debug,
                .log(message: "a reply came late", handler: nil, fields: [("request", .text(id)), ("topic", .text(topic))]))
        }
        switch request.deliver(reply, kind) {
        case .taken: break
        case .takenAsLast: forget(request)
        case .repeated: statistics.add(1, to: \.repeatedReplies)
        }
    }

    func close() async {
        let (reader, pending) = state.withLock { state in
            defer { state.pending.removeAll() }
            state.isClosed = true
            return (state.reader.take(), state.pending)
        }
        for request in pending.values { request.end(.failure(closed())) }
        guard let reader else { return }
        await reader.close()
        guard isOwn, let administration = subscriber as? any TransportAdministration else { return }
        do {
            try await administration.remove(topic: topic)
        } catch {
            options.observers.report(
                .warning,
                .log(
                    message: "the reply inbox could not be removed", handler: nil,
                    fields: [("topic", .text(topic)), ("error", "\(error)")]))
        }
    }

    private func closed() -> MillraceError {
        MillraceError(.closed, "the reply inbox '\(topic)' is closed", isRetriable: false)
    }
}
