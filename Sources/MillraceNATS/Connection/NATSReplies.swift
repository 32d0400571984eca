import CNATS
import Millrace

/// The answers to a link's requests, by the number of the request.
///
/// On a thread of libnats': of all its ways to take messages only that one tells which request has found nobody.
final class NATSReplies: Sendable {
    private let onReply: @Sendable (UInt64, NATSMessage) -> Void

    private init(onReply: @escaping @Sendable (UInt64, NATSMessage) -> Void) { self.onReply = onReply }

    /// Takes what comes to a link's inbox until the link is closed.
    static func open(
        on link: NATSLink, onReply: @escaping @Sendable (UInt64, NATSMessage) -> Void
    ) throws -> NATSRepliesHandle {
        let replies = Unmanaged.passRetained(NATSReplies(onReply: onReply))
        var subscription: OpaquePointer?
        var status = natsConnection_Subscribe(
            &subscription, link.handle, "\(link.inbox).*",
            { _, _, message, closure in
                guard let closure, let message else { return }
                let replies = Unmanaged<NATSReplies>.fromOpaque(closure).takeUnretainedValue()
                replies.take(NATSMessage(raw: message))
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

    private func take(_ message: NATSMessage) {
        defer { message.destroy() }
        if let number = PublishAck.number(of: message.subject) { onReply(number, message) }
    }
}

/// The subscription of a link's inbox.
final class NATSRepliesHandle: @unchecked Sendable {
    // Safe to share: libnats locks it.
    private let subscription: OpaquePointer?
    init(_ subscription: OpaquePointer?) { self.subscription = subscription }
    deinit { natsSubscription_Destroy(subscription) }
}
