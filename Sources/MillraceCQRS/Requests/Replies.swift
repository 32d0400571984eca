import Millrace

/// The answers to a request: see ``CQRS/replies(to:as:timeout:key:metadata:)``. They can be iterated over once.
public struct Replies<Value: Codable & Sendable>: AsyncSequence, Sendable {
    /// What the sequence yields.
    public typealias Element = Value

    private let source: ReplySource

    init(
        _ request: PendingRequest, _ inbox: ReplyInbox, _ id: MessageID, _ command: any DomainCommand.Type,
        _ codecs: any CodecFamily,
        _ timer: ScheduledTimer
    ) {
        source = ReplySource(request, inbox, id, command, codecs, timer)
    }

    /// An iterator. Several iterators share the answers.
    public func makeAsyncIterator() -> Iterator { Iterator(source: source) }

    /// Waits for one answer after the other.
    public struct Iterator: AsyncIteratorProtocol {
        let source: ReplySource

        /// The next answer, or nil when the handler has returned.
        public mutating func next() async throws -> Value? { try await source.next(as: Value.self) }
    }

    func first() async throws -> Value? { try await source.next(as: Value.self) }

    /// Waits for the end, whatever is answered before it.
    func skipAll() async throws { while try await source.nextMessage() != nil {} }
}

/// A request's answers, waited for as long as somebody has hold of this.
final class ReplySource: Sendable {
    private let request: PendingRequest
    private let inbox: ReplyInbox
    private let id: MessageID
    private let command: any DomainCommand.Type
    private let codecs: any CodecFamily
    private let timer: ScheduledTimer

    init(
        _ request: PendingRequest, _ inbox: ReplyInbox, _ id: MessageID, _ command: any DomainCommand.Type,
        _ codecs: any CodecFamily,
        _ timer: ScheduledTimer
    ) {
        self.request = request
        self.inbox = inbox
        self.id = id
        self.command = command
        self.codecs = codecs
        self.timer = timer
    }

    deinit {
        timer.cancel()
        inbox.forget(request)
    }

    func next<Value: Codable & Sendable>(as type: Value.Type) async throws -> Value? {
        try await nextMessage()?.decode(as: type, by: codecs)
    }

    /// The next answer with a value, or nil when there are no more. Throws the error that is the answer.
    func nextMessage() async throws -> Message? {
        guard let reply = try await request.next() else { return nil }
        switch reply.metadata[MetadataKey.replyKind].flatMap(ReplyKind.init) {
        case .more, .last: return reply
        case .error: throw try error(of: reply)
        case .failure: throw failed(try? reply.decode(as: RemoteFailure.self, by: codecs))
        // The end; others are not let in.
        default: return nil
        }
    }

    private func error(of reply: Message) throws -> any Error {
        let name = reply.metadata[MetadataKey.replyErrorName] ?? ""
        guard let type = command.replyErrors.first(where: { $0.errorName == name }) else {
            return failed(RemoteFailure(type: name, message: String((reply.payload.text ?? "").prefix(1_024))))
        }
        return try decode(type, reply)
    }

    private func decode<Failure: ReplyError>(_ type: Failure.Type, _ reply: Message) throws -> any Error {
        try reply.decode(as: type, by: codecs)
    }

    private func failed(_ failure: RemoteFailure?) -> MillraceError {
        MillraceError(
            .requestFailed, "'\(command.messageName)', message \(id), was given up by its handler", underlying: failure,
            isRetriable: false)
    }
}
