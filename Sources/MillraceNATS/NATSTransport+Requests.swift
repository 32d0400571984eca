public import Millrace

extension NATSTransport {
    /// Sends a request by core NATS, in either mode, and returns the first answer.
    ///
    /// Whoever answers subscribes to the topic by core NATS, and calls ``respond(to:with:)``.
    ///
    /// - Parameters:
    ///   - message: The request.
    ///   - topic: Where those listen who answer.
    ///   - timeout: How long to wait. Defaults to 5 seconds.
    /// - Throws: A `MillraceError`: `timedOut` without an answer in time; `connectionFailed` when nobody listens, or there is no
    ///   connection; `closed`. `CancellationError` when the task is cancelled.
    public func request(
        _ message: Message, to topic: String, timeout: Duration = .seconds(5)
    ) async throws -> Message {
        try NATSNames.check(topic, allowsWildcards: false)
        try Naming.check(message)
        try checkOpen()
        let reply = try await connection.request(message, to: topic, timeout: timeout)
        guard reply.status != 503, let answer = reply.message else {
            throw MillraceError(.connectionFailed, "a request to '\(topic)': nobody listens", isRetriable: true)
        }
        return answer
    }

    /// Answers a request that came by a subscription of core NATS.
    ///
    /// - Throws: A `MillraceError`: `invalidMessage` when the message is no request; what ``publish(_:to:)`` throws.
    public func respond(to request: Message, with answer: Message) async throws {
        guard let topic = request.metadata[NATSMetadata.reply] else {
            throw MillraceError(
                .invalidMessage, "message \(request.id) is no request: nobody waits for an answer", isRetriable: false)
        }
        try checkOpen()
        guard options.mode == .core else {
            throw MillraceError(.unsupported, "answers go by core NATS: connect with mode=core", isRetriable: false)
        }
        try await publish([answer], to: topic)
    }
}
