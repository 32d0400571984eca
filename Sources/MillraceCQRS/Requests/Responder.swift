import Millrace

/// Makes the answers to requests.
struct Responder: Sendable {
    private let codecs: any CodecFamily
    private let brokerClock: (any BrokerClock)?
    private let grace: Duration
    private let statistics: StatisticsCounter
    private let report: LateRequestReport

    /// `brokerClock` is that of the broker that requests are read from, where it is known.
    init(_ options: CQRSOptions, _ statistics: StatisticsCounter, _ brokerClock: (any BrokerClock)?) {
        codecs = options.codecs
        grace = options.replies.grace
        self.brokerClock = brokerClock
        self.statistics = statistics
        report = LateRequestReport(options.observers, options.clock)
    }

    /// A value as an answer.
    func reply<Value: Codable & Sendable>(
        _ value: Value, number: Int, to address: ReplyAddress, metadata: Metadata, kind: ReplyKind = .more
    ) throws -> Message {
        let metadata = completed(metadata, kind, number, address)
        // One key, so that the answers to a request keep their order.
        return try Message.carrying(value, by: codecs, key: address.requestID, metadata: metadata)
    }

    /// The end of the answers.
    func end(number: Int, to address: ReplyAddress, metadata: Metadata) -> Message {
        Message(payload: [], key: address.requestID, metadata: completed(metadata, .end, number, address))
    }

    /// The answer that an error is; nil for one that is none. Throws what the codec throws.
    func answer(
        to address: ReplyAddress, with error: any Error, of command: any DomainCommand.Type
    ) throws -> Outputs? {
        guard let error = error as? any ReplyError, command.replyErrors.contains(where: { $0 == type(of: error) }) else {
            return nil
        }
        guard !isExpired(address) else { return Outputs() }
        let metadata: Metadata = [MetadataKey.replyErrorName: type(of: error).errorName]
        return .to(address.topic, try reply(error, number: 0, to: address, metadata: metadata, kind: .error))
    }

    /// The answer to a request that was given up.
    func failure(_ error: any Error, to address: ReplyAddress) throws -> Message {
        let failure = RemoteFailure(type: ErrorName.of(error), message: String("\(error)".prefix(1_024)))
        return try reply(failure, number: 0, to: address, metadata: .init(), kind: .failure)
    }

    /// Whether nobody waits for an answer any more, whose topic may be gone. Counts and reports it.
    ///
    /// The clock of the broker decides, which requester and handler share. Where that is not known the answer is sent: late it harms nobody,
    /// but silence does.
    func isExpired(_ address: ReplyAddress) -> Bool {
        guard let until = address.until, address.isByBrokerClock, let now = brokerClock?.brokerTime else { return false }
        let late = now.subtractingReportingOverflow(until)
        guard !late.overflow, Duration.milliseconds(late.partialValue) > grace else { return false }
        statistics.add(1, to: \.expiredReplies)
        report.note(address, late: .milliseconds(late.partialValue))
        return true
    }

    /// What watches over the requests that a handler fails on. `limit` is how often a message is handed out at most.
    func failures(limit: Int?) -> FailedRequests { FailedRequests(self, limit: limit ?? .max) }

    private func completed(
        _ metadata: Metadata, _ kind: ReplyKind, _ number: Int, _ address: ReplyAddress
    ) -> Metadata {
        var metadata = metadata
        metadata[MetadataKey.replyKind] = kind.rawValue
        metadata[MetadataKey.replyIndex] = "\(number)"
        metadata[MetadataKey.requestID] = address.requestID
        return metadata
    }
}
