public import Millrace

/// What a handler of commands or events knows of the message at hand, and how it answers.
///
/// What is published, sent and replied here leaves when the handler has returned, before its message is acknowledged. When the
/// handler throws, nothing leaves. A context is for one message, and may be handed to any function, task or actor; once the handler
/// has returned, nothing can be added to it.
public final class CQRSContext: Sendable {
    /// What is to leave with the handler's return.
    private struct State {
        var outputs = Outputs()
        var delayed: [DelayedMessage] = []
        var replies: [Message] = []
        var replyCount = 0
        var isFinished = false
    }

    /// The message as it came.
    public let message: Message
    /// What the router knows of it: topic, group, trace, and so on.
    public let handlerContext: HandlerContext
    private let cqrs: CQRS
    private let address: ReplyAddress?
    private let state = Lock(State())

    init(_ message: Message, _ handlerContext: HandlerContext, _ cqrs: CQRS, replyingTo address: ReplyAddress? = nil) {
        self.message = message
        self.handlerContext = handlerContext
        self.cqrs = cqrs
        self.address = address
    }

    // MARK: What is known

    /// Logs through the router's observers, with what is known of the handler and the message: see `HandlerContext.logger`.
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
        var message = message
        stamp(&message.metadata)
        try whileOpen { [message] in $0.outputs.append(message, to: topic) }
    }

    /// Answers a request when the handler has returned; does nothing when nobody waits. Several answers are all received by
    /// ``CQRS/replies(to:as:timeout:key:metadata:)``.
    ///
    /// - Throws: What the codec throws; `invalidState` when the handler has returned already.
    public func reply<Value: Codable & Sendable>(_ value: Value) throws {
        try whileOpen { state in
            guard let reply = try makeReply(value, &state) else { return }
            state.replies.append(reply)
        }
    }

    // MARK: What leaves at once

    /// Answers a request at once, whatever comes of the handler; does nothing when nobody waits. When the handler is run again,
    /// answers with the same number in the order of answers are not received twice.
    ///
    /// - Throws: What the codec and `Publisher.publish` throw; `invalidState` when the handler has returned already, or has answers
    ///   waiting by ``reply(_:)``, which would be overtaken.
    public func replyNow<Value: Codable & Sendable>(_ value: Value) async throws {
        let made = try whileOpen { state in
            guard state.replies.isEmpty else {
                throw MillraceError(.invalidState, "replyNow would overtake answers by reply", isRetriable: false)
            }
            return try makeReply(value, &state)
        }
        guard let address, let reply = made, !cqrs.responder.isExpired(address) else { return }
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

    /// Adds to what leaves with the handler's return. Throws `invalidState` when it has returned.
    private func whileOpen<Result>(_ body: (inout State) throws -> Result) throws -> Result {
        try state.withLock { state in
            guard !state.isFinished else {
                throw MillraceError(
                    .invalidState,
                    "handler '\(handlerContext.handler)' has returned; its context for message \(message.id) is over",
                    isRetriable: false)
            }
            return try body(&state)
        }
    }

    private func add<Value: TypedMessage>(_ value: Value, _ key: String?, _ metadata: Metadata) async throws {
        var metadata = metadata
        stamp(&metadata)
        let (message, topic) = try await cqrs.writer.message(for: value, key: key, metadata: metadata)
        try whileOpen { $0.outputs.append(message, to: topic) }
    }

    private func add<Value: TypedMessage>(_ value: Value, _ key: String?, after delay: Duration) async throws {
        _ = try cqrs.delays
        var metadata = Metadata()
        stamp(&metadata)
        let (message, topic) = try await cqrs.writer.message(for: value, key: key, metadata: metadata)
        let later = DelayedMessage(message, to: topic, after: delay, by: cqrs.options.clock)
        try whileOpen { $0.delayed.append(later) }
    }

    private func stamp(_ metadata: inout Metadata) {
        if metadata[MetadataKey.correlationID] == nil { metadata[MetadataKey.correlationID] = correlationID }
        if metadata[MetadataKey.causationID] == nil { metadata[MetadataKey.causationID] = message.id.description }
    }

    private func makeReply<Value: Codable & Sendable>(_ value: Value, _ state: inout State) throws -> Message? {
        guard let address else { return nil }
        var metadata = Metadata()
        stamp(&metadata)
        defer { state.replyCount += 1 }
        return try cqrs.responder.reply(value, number: state.replyCount, to: address, metadata: metadata)
    }

    /// Hands what is to leave later to what keeps it. If the handler is run again after this, it leaves again.
    func publishDelayed() async throws {
        for message in takeDelayed() { try await message.publish(by: cqrs.delays, cqrs.options.clock) }
    }

    /// What is to leave later.
    func takeDelayed() -> [DelayedMessage] {
        state.withLock { state in
            defer { state.delayed = [] }
            return state.delayed
        }
    }

    /// What the handler leaves behind; nothing can be added any more.
    func finish() -> Outputs {
        var state = state.withLock { state in
            state.isFinished = true
            return state
        }
        guard let address, !cqrs.responder.isExpired(address) else { return state.outputs }
        if state.replies.isEmpty {
            var metadata = Metadata()
            stamp(&metadata)
            state.replies.append(cqrs.responder.end(number: state.replyCount, to: address, metadata: metadata))
        } else {
            state.replies[state.replies.count - 1].metadata[MetadataKey.replyKind] = ReplyKind.last.rawValue
        }
        for reply in state.replies { state.outputs.append(reply, to: address.topic) }
        return state.outputs
    }
}
