import CNATS
import Millrace

/// Everything that comes back for what a link has sent: acknowledgements of publishes, and answers to requests.
///
/// On a thread of libnats': of all its ways to take messages only that one tells which request has found nobody.
final class NATSReplies: @unchecked Sendable {
    // Safe to share: `acks` is used on the one thread of the subscription; the rest does not change.
    private static let maximumBatch = 512

    private let onAcks: ([PublishAck]) -> Void
    private let onReply: (UInt64, NATSMessage) -> Void
    private var acks: [PublishAck] = []

    private init(
        onAcks: @escaping ([PublishAck]) -> Void, onReply: @escaping (UInt64, NATSMessage) -> Void
    ) {
        self.onAcks = onAcks
        self.onReply = onReply
    }

    /// Where the acknowledgement of the publish of a number goes to, without the inbox.
    static let publishMark = UInt8(ascii: "p")
    static let requestMark = UInt8(ascii: "r")

    /// Takes what comes to a link's inbox until the link is closed.
    static func open(
        on link: NATSLink, onAcks: @escaping @Sendable ([PublishAck]) -> Void,
        onReply: @escaping @Sendable (UInt64, NATSMessage) -> Void
    ) throws -> NATSRepliesHandle {
        let replies = Unmanaged.passRetained(NATSReplies(onAcks: onAcks, onReply: onReply))
        var subscription: OpaquePointer?
        var status = natsConnection_Subscribe(
            &subscription, link.handle, "\(link.inbox).*",
            { _, subscription, message, closure in
                guard let closure, let message else { return }
                let replies = Unmanaged<NATSReplies>.fromOpaque(closure).takeUnretainedValue()
                replies.take(NATSMessage(raw: message), subscription)
            }, replies.toOpaque())
        guard status == NATS_OK else {
            replies.release()
            throw NATSError.make(status, "subscribing to the inbox")
        }
        let handle = NATSRepliesHandle(subscription)
        status = natsSubscription_SetOnCompleteCB(
            subscription,
            { closure in
                if let closure { Unmanaged<NATSReplies>.fromOpaque(closure).release() }
            }, replies.toOpaque())
        if status == NATS_OK { status = natsSubscription_SetPendingLimits(subscription, -1, -1) }
        guard status == NATS_OK else { throw NATSError.make(status, "subscribing to the inbox") }
        return handle
    }

    private func take(_ message: NATSMessage, _ subscription: OpaquePointer?) {
        defer { message.destroy() }
        guard let (mark, number) = Self.parse(message.subject) else { return }
        if mark == Self.requestMark {
            onReply(number, message)
        } else {
            acks.append(PublishAck(number: number, outcome: PublishAck.Outcome(message)))
        }
        guard !acks.isEmpty else { return }
        // What waits behind it will be told with it.
        var queued: UInt64 = 0
        if acks.count < Self.maximumBatch, natsSubscription_QueuedMsgs(subscription, &queued) == NATS_OK, queued > 0 { return }
        onAcks(acks)
        acks.removeAll(keepingCapacity: true)
    }

    /// The mark and the number at the end of a subject.
    static func parse(_ subject: UnsafePointer<CChar>?) -> (mark: UInt8, number: UInt64)? {
        guard let subject else { return nil }
        var last = subject
        var next = subject
        while next.pointee != 0 {
            if next.pointee == 0x2E { last = next + 1 }
            next += 1
        }
        let mark = UInt8(bitPattern: last.pointee)
        guard mark == publishMark || mark == requestMark else { return nil }
        var number: UInt64 = 0
        var digit = last + 1
        guard digit.pointee != 0 else { return nil }
        while digit.pointee != 0 {
            let value = UInt8(bitPattern: digit.pointee) &- 0x30
            guard value < 10 else { return nil }
            number = number &* 10 &+ UInt64(value)
            digit += 1
        }
        return (mark, number)
    }
}

/// The subscription of a link's inbox.
final class NATSRepliesHandle: @unchecked Sendable {
    // Safe to share: libnats locks it.
    private let subscription: OpaquePointer?
    init(_ subscription: OpaquePointer?) { self.subscription = subscription }
    deinit { natsSubscription_Destroy(subscription) }
}
