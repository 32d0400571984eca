import Millrace

/// Settled messages on their way back to a publisher, which then lets go of them.
///
/// Memory that one thread allocates and another frees is the dearest part of handing a small message over: allocator and
/// reader fight for the cache lines of every single one. Freed by the publisher, it is at hand for the publisher's next
/// message. Only small messages go this way, and only so many, because they stay in memory until somebody publishes or a
/// reader runs out of work.
struct SpentMessages: ~Copyable {
    private static let limit = 512
    private var messages = RingBuffer<Message>()

    var isEmpty: Bool { messages.isEmpty }

    @inline(__always)
    mutating func add(_ entry: consuming MemoryEntry) {
        if entry.isSmall, messages.count < Self.limit { messages.append(entry.message) }
    }

    @inline(__always)
    mutating func next() -> Message? { messages.popFirst() }

    mutating func removeAll() {
        while messages.popFirst() != nil {}
    }
}
