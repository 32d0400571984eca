public import Millrace

/// What a handler of commands or events knows of the message at hand, and how it answers.
///
/// What is published, sent and replied here leaves when the handler has returned, before its message is acknowledged. When the
/// handler throws, nothing leaves. A context is for one message: do not keep it.
public final class CQRSContext {
    /// The message as it came.
    public let message: Message
    /// What the router knows of it: topic, group, trace, and so on.
    public let handlerContext: HandlerContext
    private let cqrs: CQRS
    private let address: ReplyAddress?
    private var outputs = Outputs()
    private var delayed: [DelayedMessage] = []
    private var replies: [Message] = []
    private var replyCount = 0
    private var isFinished = false

    init(_ message: Message, _ handlerContext: HandlerContext, _ cqrs: CQRS, replyingTo address: ReplyAddress? = nil) {
        self.message = message
        self.handlerContext = handlerContext
        self.cqrs = cqrs
        self.address = address
    }

    // MARK: What is known

    /// Logs through the router's observers, with the handler's name.
    public var logger: HandlerLogger { handlerContext.logger }
    /// The number of this attempt, from 1.
    public var attempt: Int { handlerContext.attempt }
    /// Keys and values that came with the message.
    public var metadata: Metadata { message.metadata }
    /// The id that all messages of one business transaction share: that of the message at hand, or its own id when it has none.
    public var correlationID: String { message.metadata[MetadataKey.correlationID] ?? message.id.description }
    /// Whether somebody waits for an answer.
    public var isRequest: Bool { address != nil }
    /// Until when an answer is waited for, in milliseconds since 1970; nil if nobody waits. By the broker's clock where the requester knows
    /// it, and otherwise by the requester's: see `BrokerClock`.
    public var replyUntil: Int64? { address?.until }

    // MARK: What leaves with the handler's return

    /// Publishes an event when the handler has returned. It carries the correlation id of the message at hand, and its id as
    /// causation id.
    ///
    /// - Throws: What the codec and the hook throw; `invalidState` when the handler has returned already.
    public func publish<E: DomainEvent>(_ event: E, key: String? = nil, metadata: Metadata = .init()) async throws {
        try await add(event, key, metadata)
    }

    /// Publishes events when the handler has returned. See ``publish(_:key:metadata:)``.
    public func publish(_ events: [any DomainEvent], metadata: Metadata = .init()) async throws {
        for event in events { try await add(event, nil, metadata) }
    }

    /// Sends a command when the handler has returned. For the rest see ``publish(_:key:metadata:)``.
    public func send<C: DomainCommand>(_ command: C, key: String? = nil, metadata: Metadata = .init()) async throws {
        try await add(command, key, metadata)
    }

    /// Sends commands when the handler has returned. See ``publish(_:key:metadata:)``.
    public func send(_ commands: [any DomainCommand], metadata: Metadata = .init()) async throws {
        for command in commands { try await add(command, nil, metadata) }
    }

    /// Sends a command some time after the handler has returned: a reminder, or a timeout. The time counts from now on.
    ///
    /// It is kept by ``CQRSOptions/delays``. For the rest see ``publish(_:key:metadata:)``.
    ///
    /// - Throws: Also `invalidState` when there is nothing that could keep it.
    public func send<C: DomainCommand>(_ command: C, after delay: Duration, key: String? = nil) async throws {
        try await add(command, key, after: delay)
    }

    /// Publishes an event some time after the handler has returned. See ``send(_:after:key:)``.
    public func publish<E: DomainEvent>(_ event: E, after delay: Duration, key: String? = nil) async throws {
        try await add(event, key, after: delay)
    }

    /// Publishes a message without a type when the handler has returned, with the ids that ``publish(_:key:metadata:)`` gives. Throws
    /// `invalidState` when it has returned already.
    public func publish(_ message: Message, to topic: String) throws {
        try checkOpen()
        var message = message
        stamp(&message.metadata)
        outputs.append(message, to: topic)
    }

    /// Answers a request when the handler has returned; does nothing when nobody waits. Several answers are all received by
    /// ``CQRS/replies(to:as:timeout:key:metadata:)``.
    ///
    /// - Throws: What the codec throws; `invalidState` when the handler has returned already.
    public func reply<Value: Codable & Sendable>(_ value: Value) throws {
        try checkOpen()
        guard let reply = try makeReply(value) else { return }
        replies.append(reply)
    }

    // MARK: What leaves at once

    /// Answers a request at once, whatever comes of the handler; does nothing when nobody waits. When the handler is run again,
    /// answers with the same number in the order of answers are not received twice.
    ///
    /// - Throws: What the codec and `Publisher.publish` throw; `invalidState` when the handler has returned already, or has answers
    ///   waiting by ``reply(_:)``, which would be overtaken.
    public func replyNow<Value: Codable & Sendable>(_ value: Value) async throws {
        try checkOpen()
        guard replies.isEmpty else {
            throw MillraceError(.invalidState, "replyNow would overtake answers by reply", isRetriable: false)
        }
        guard let address, let reply = try makeReply(value), !cqrs.responder.isExpired(address) else { return }
        try await publisher.publish(reply, to: address.topic)
    }

    /// Sends a request at once and waits for its answer: see ``CQRS/request(_:timeout:key:metadata:)``. It carries the correlation
    /// id of the message at hand.
    public func request<R: DomainRequest>(_ request: R, timeout: Duration? = nil) async throws -> R.Reply {
        var metadata = Metadata()
        stamp(&metadata)
        return try await cqrs.request(request, timeout: timeout, metadata: metadata)
    }

    /// Where to publish what leaves at once.
    var publisher: any Publisher { handlerContext.publisher ?? cqrs.publisher }

    private func checkOpen() throws {
        guard !isFinished else {
            throw MillraceError(
                .invalidState, "handler '\(handlerContext.handler)' has returned; its context for message \(message.id) is over",
                isRetriable: false)
        }
    }

    private func add<Value: TypedMessage>(_ value: Value, _ key: String?, _ metadata: Metadata) async throws {
        var metadata = metadata
        stamp(&metadata)
        let (message, topic) = try await cqrs.writer.message(for: value, key: key, metadata: metadata)
        try checkOpen()
        outputs.append(message, to: topic)
    }

    private func add<Value: TypedMessage>(_ value: Value, _ key: String?, after delay: Duration) async throws {
        _ = try cqrs.delays
        var metadata = Metadata()
        stamp(&metadata)
        let (message, topic) = try await cqrs.writer.message(for: value, key: key, metadata: metadata)
        try checkOpen()
        delayed.append(DelayedMessage(message, to: topic, after: delay, by: cqrs.options.clock))
    }

    private func stamp(_ metadata: inout Metadata) {
        if metadata[MetadataKey.correlationID] == nil { metadata[MetadataKey.correlationID] = correlationID }
        if metadata[MetadataKey.causationID] == nil { metadata[MetadataKey.causationID] = message.id.description }
    }

    private func makeReply<Value: Codable & Sendable>(_ value: Value) throws -> Message? {
        guard let address else { return nil }
        var metadata = Metadata()
        stamp(&metadata)
        defer { replyCount += 1 }
        return try cqrs.responder.reply(value, number: replyCount, to: address, metadata: metadata)
    }

    /// Hands what is to leave later to what keeps it. If the handler is run again after this, it leaves again.
    func publishDelayed() async throws {
        for message in takeDelayed() { try await message.publish(by: cqrs.delays, cqrs.options.clock) }
    }

    /// What is to leave later.
    func takeDelayed() -> [DelayedMessage] {
        defer { delayed = [] }
        return delayed
    }

    /// What the handler leaves behind; nothing can be added any more.
    func finish() -> Outputs {
        isFinished = true
        guard let address, !cqrs.responder.isExpired(address) else { return outputs }
        if replies.isEmpty {
            var metadata = Metadata()
            stamp(&metadata)
            replies.append(cqrs.responder.end(number: replyCount, to: address, metadata: metadata))
        } else {
            replies[replies.count - 1].metadata[MetadataKey.replyKind] = ReplyKind.last.rawValue
        }
        for reply in replies { outputs.append(reply, to: address.topic) }
        return outputs
    }
}
