public import Millrace

extension CQRS {
    /// Sends a request and waits for its answer.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - timeout: How long to wait in all. Defaults to that of ``ReplyOptions``; more than 0.
    ///   - key: What belongs together. Defaults to the request's own key.
    ///   - metadata: Keys and values that travel along.
    /// - Throws: The ``ReplyError`` that the handler threw; a `MillraceError`: `deadlineExceeded` when there was no answer in time,
    ///   `requestFailed` when the handler gave up, with a ``RemoteFailure`` behind it, `decodingFailed` for an answer that is something
    ///   else, `closed` when the inbox was closed; what sending it throws. `CancellationError` when the task is cancelled: the
    ///   handler is not told, and its answer is counted as late.
    public func request<R: DomainRequest>(
        _ request: R, timeout: Duration? = nil, key: String? = nil, metadata: Metadata = .init()
    ) async throws -> R.Reply {
        try await self.request(request, expecting: R.Reply.self, timeout: timeout, key: key, metadata: metadata)
    }

    /// Sends a command whose handler answers with ``CQRSContext/reply(_:)``, and waits for the first answer. For the rest see
    /// ``request(_:timeout:key:metadata:)``.
    public func request<C: DomainCommand, Value: Codable & Sendable>(
        _ command: C, expecting type: Value.Type, timeout: Duration? = nil, key: String? = nil, metadata: Metadata = .init()
    ) async throws -> Value {
        let replies = try await replies(to: command, as: type, timeout: timeout, key: key, metadata: metadata)
        guard let value = try await replies.first() else {
            throw MillraceError(
                .requestFailed, "'\(C.messageName)' was handled, and its handler answered nothing", isRetriable: false)
        }
        return value
    }

    /// Sends a command and waits until it is handled. For the rest see ``request(_:timeout:key:metadata:)``.
    public func sendAndWait<C: DomainCommand>(
        _ command: C, timeout: Duration? = nil, key: String? = nil, metadata: Metadata = .init()
    ) async throws {
        let (request, timer, message) = try await begin(command, timeout, key, metadata)
        let replies = Replies<Nothing>(request, inbox, message.id, C.self, options.codecs, timer)
        try await replies.skipAll()
    }

    /// Sends a command and gives its answers as a sequence, which ends when the handler has returned.
    ///
    /// Answers come once and in their order. Letting go of the sequence is enough to stop waiting. Iterating throws what
    /// ``request(_:timeout:key:metadata:)`` throws; `timeout` is the time for all of them.
    public func replies<C: DomainCommand, Value: Codable & Sendable>(
        to command: C, as type: Value.Type, timeout: Duration? = nil, key: String? = nil, metadata: Metadata = .init()
    ) async throws -> Replies<Value> {
        let (request, timer, message) = try await begin(command, timeout, key, metadata)
        return Replies(request, inbox, message.id, C.self, options.codecs, timer)
    }

    private func begin<C: DomainCommand>(
        _ command: C, _ timeout: Duration?, _ key: String?, _ metadata: Metadata
    ) async throws -> (PendingRequest, ScheduledTimer, Message) {
        try options.replies.validate()
        let timeout = timeout ?? options.replies.timeout
        guard timeout > .zero else { throw MillraceError.invalidOption("timeout", timeout, bound: "more than 0") }
        let clock = options.clock
        let deadline = clock.now.advanced(by: timeout)
        let request: PendingRequest
        do {
            request = try await inbox.begin(within: timeout)
        } catch is DeadlinePassed {
            throw MillraceError(
                .deadlineExceeded, "'\(C.messageName)': the reply inbox '\(inbox.topic)' was not open within \(timeout)",
                isRetriable: true)
        }
        let timer = clock.schedule(at: deadline) { [inbox] in
            inbox.forget(request)
            request.end(
                .failure(
                    MillraceError(
                        .deadlineExceeded, "'\(C.messageName)': no answer within \(timeout); is its handler running?",
                        isRetriable: true)))
        }
        do {
            var metadata = metadata
            metadata[MetadataKey.replyTopic] = inbox.topic
            metadata[MetadataKey.requestID] = request.id
            let left = max(.milliseconds(1), clock.now.duration(to: deadline))
            let brokerTime = (publisher as? any BrokerClock)?.brokerTime
            let (limit, overflow) = (brokerTime ?? clock.unixMilliseconds).addingReportingOverflow(left.wholeMilliseconds)
            metadata[MetadataKey.replyUntil] = overflow ? nil : "\(limit)"
            metadata[MetadataKey.replyClock] = brokerTime == nil ? "requester" : nil
            let (message, topic) = try await writer.message(for: command, key: key, metadata: metadata)
            try await publisher.publish([message], to: topic, timeout: left, clock: clock)
            return (request, timer, message)
        } catch {
            timer.cancel()
            inbox.forget(request)
            throw error
        }
    }
}

/// What nobody answers with.
struct Nothing: Codable, Sendable {}

extension Duration {
    /// In milliseconds, rounded up, at most what 64 bits can count.
    fileprivate var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        let (sum, overflowed) = scaled.addingReportingOverflow((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        return overflow || overflowed ? .max : sum
    }
}
