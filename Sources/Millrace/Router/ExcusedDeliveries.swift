import Synchronization

/// Deliveries that middleware sent back through no fault of the message: while its downstream was away, its rate used up, a
/// copy of it at work. The transport counts them; towards `maximumAttempts` and for `Retry` they do not count.
///
/// Kept for a limited number of messages of one handler. One that is forgotten, or comes back in another process, has as many
/// attempts behind it as the transport says.
final class ExcusedDeliveries: Sendable {
    static let limit = 65_536

    private let counts = Lock<[MessageID: Int]>([:])
    /// Lets those who find nothing do without the lock.
    private let size = Atomic<Int>(0)

    @inline(__always)
    var isEmpty: Bool { size.load(ordering: .relaxed) == 0 }

    /// One more delivery of the message does not count.
    func add(_ id: MessageID) {
        counts.withLock { counts in
            if counts.count >= Self.limit, let any = counts.keys.first { counts[any] = nil }
            counts[id, default: 0] += 1
            size.store(counts.count, ordering: .relaxed)
        }
    }

    /// How many deliveries of the message do not count.
    func count(of id: MessageID) -> Int { isEmpty ? 0 : counts.withLock { $0[id] ?? 0 } }

    /// The message is done, one way or the other.
    func remove(_ id: MessageID) {
        if isEmpty { return }
        counts.withLock { counts in
            counts[id] = nil
            size.store(counts.count, ordering: .relaxed)
        }
    }
}
