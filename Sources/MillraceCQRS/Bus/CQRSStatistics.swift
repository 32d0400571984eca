import Millrace

/// What a ``CQRS`` has done that would otherwise go unseen.
public struct CQRSStatistics: Sendable, Hashable, Codable {
    /// Messages that could not be read and were skipped, as ``UnreadablePolicy`` says.
    public internal(set) var skipped = 0
    /// Messages that could not be read and were rejected.
    public internal(set) var rejected = 0
    /// Messages that could not be read and were published to the topic of the policy.
    public internal(set) var deadLettered = 0
    /// How often a message that could not be read was put off.
    public internal(set) var postponed = 0
    /// Replies to requests that nobody waits for any more: they timed out, were cancelled, or had their answer already.
    public internal(set) var lateReplies = 0
    /// Messages in the reply inbox that are not for this process, or are no replies.
    public internal(set) var foreignReplies = 0
    /// Replies that came twice.
    public internal(set) var repeatedReplies = 0
    /// Replies that were not sent, because their requester has stopped waiting.
    public internal(set) var expiredReplies = 0
    /// Requests that wait for a reply at this moment.
    public internal(set) var pendingRequests = 0

    /// Messages that a saga had seen before: what they had made was published again, if it had not left yet, and no more.
    public internal(set) var repeatedSagaMessages = 0
    /// Messages for a saga that has ended, and messages that would have started one that runs.
    public internal(set) var lateSagaMessages = 0
    /// Messages for which there was no saga, and which were skipped.
    public internal(set) var missedSagaMessages = 0
    /// How often a step of a saga was run again because somebody else had changed the saga meanwhile.
    public internal(set) var sagaConflicts = 0

    /// Nothing yet.
    public init() {}
}

final class StatisticsCounter: Sendable {
    private let state = Lock(CQRSStatistics())

    var current: CQRSStatistics { state.withLock { $0 } }

    func add(_ count: Int, to field: WritableKeyPath<CQRSStatistics, Int>) {
        state.withLock { $0[keyPath: field] += count }
    }
}
