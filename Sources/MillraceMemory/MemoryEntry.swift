import Millrace

/// A message in a group's buffer.
struct MemoryEntry: Sendable {
    let message: Message
    /// The message's place in its topic, from 1.
    let sequence: UInt64
    /// How often it was handed out.
    var attempt: Int32 = 0
    /// Whether no other message of its key may be handed out before it is done.
    var holdsLane = false
    /// Whether a publisher may let go of the message. Asked when the message comes in: later it is in another core's cache.
    let isSmall: Bool
    /// The publisher that waits for its acknowledgement.
    let receipt: PublishReceipt?

    @inline(__always)
    init(message: consuming Message, sequence: UInt64, receipt: PublishReceipt?) {
        isSmall = message.isSmall
        self.message = message
        self.sequence = sequence
        self.receipt = receipt
    }
}
