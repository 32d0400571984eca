import CNATS
import Millrace

/// A subscription of a link's, emptied by the loop whenever something has come. On the loop, but for what says otherwise.
final class NATSMailbox: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    /// What a mailbox has to tell.
    enum Content {
        /// Messages; who gets them has to destroy them.
        case messages([NATSMessage])
        /// A request by a message of this mailbox's has found nobody.
        case noResponders
    }

    let subject: String
    private let queue: String?
    private let limit: Int32
    private var subscription: OpaquePointer?
    /// How many messages to take at once; 0 for none at the moment.
    private let room: () -> Int
    private let take: (Content) -> Void

    /// - Parameters:
    ///   - limit: How many messages libnats keeps that there is no room for; nil for all.
    ///   - room: How many messages may be taken.
    init(
        _ subject: String, queue: String? = nil, limit: Int? = nil, room: @escaping () -> Int = { 1_024 },
        _ take: @escaping (Content) -> Void
    ) {
        self.subject = subject
        self.queue = queue
        self.limit = limit.map { Int32(clamping: $0) } ?? -1
        self.room = room
        self.take = take
    }

    func open(_ connection: OpaquePointer?) throws {
        var status = NATS_OK
        if let queue {
            status = natsConnection_QueueSubscribeSync(&subscription, connection, subject, queue)
        } else {
            status = natsConnection_SubscribeSync(&subscription, connection, subject)
        }
        if status == NATS_OK { status = natsSubscription_SetPendingLimits(subscription, limit, -1) }
        guard status == NATS_OK else { throw NATSError.make(status, "subscribing to '\(subject)'") }
    }

    /// Hands over what has come.
    func empty() {
        while let subscription {
            var queued: UInt64 = 0
            guard natsSubscription_QueuedMsgs(subscription, &queued) == NATS_OK, queued > 0 else { return }
            let count = min(Int(queued), room())
            guard count > 0 else { return }
            var messages: [NATSMessage] = []
            messages.reserveCapacity(count)
            var hadNobody = false
            for _ in 0..<count {
                var raw: OpaquePointer?
                switch natsSubscription_NextMsg(&raw, subscription, 0) {
                case NATS_OK: if let raw { messages.append(NATSMessage(raw: raw)) }
                case NATS_NO_RESPONDERS: hadNobody = true
                // Some were dropped, which is reported elsewhere; the next call gives the first that is there.
                case NATS_SLOW_CONSUMER: continue
                default: break
                }
            }
            if !messages.isEmpty { take(.messages(messages)) }
            if hadNobody { take(.noResponders) }
            guard queued > UInt64(count) else { return }
        }
    }

    /// How many messages were dropped because there was no room for them.
    var dropped: Int {
        var count: Int64 = 0
        guard let subscription, natsSubscription_GetDropped(subscription, &count) == NATS_OK else { return 0 }
        return Int(count)
    }

    /// Asks the server for no more; what is under way still comes.
    func drain() { if let subscription { natsSubscription_Drain(subscription) } }

    func destroy() {
        guard let subscription else { return }
        self.subscription = nil
        natsSubscription_Destroy(subscription)
    }
}
