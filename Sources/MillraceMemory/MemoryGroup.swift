import Millrace
import Synchronization

/// One consumer group of a topic: an inbox under the topic's lock, and the rest under a lock of its own.
///
/// Where both locks are needed, the group's is taken first.
final class MemoryGroup: @unchecked Sendable {
    // Safe to share: `inbox` is touched under the topic's lock only.

    /// Lets the topic keep pointers in an array that is sent between tasks.
    struct InboxPointer: @unchecked Sendable {
        // Safe to share: a plain address; what it points to is guarded as above.
        let inbox: UnsafeMutablePointer<Inbox>
    }

    let name: String?
    let inbox: UnsafeMutablePointer<Inbox>
    /// Messages that have left the group and are still in its inbox's count.
    let settled = Atomic<Int>(0)
    private let state = Guarded(GroupState())

    init(name: String?, capacity: Int) {
        self.name = name
        inbox = .allocate(capacity: 1)
        inbox.initialize(to: Inbox(capacity: capacity))
    }

    deinit {
        inbox.deinitialize(count: 1)
        inbox.deallocate()
    }

    /// Brings the inbox's count up to date. Under the topic's lock.
    @inline(__always)
    func countSettled() {
        if settled.load(ordering: .relaxed) != 0 {
            inbox.pointee.count -= settled.exchange(0, ordering: .sequentiallyConsistent)
        }
    }

    /// Calls `body` with the state under the group's lock.
    @inline(__always)
    func locked<Result>(_ body: (inout GroupState) throws -> Result) rethrows -> Result {
        try state.locked(body)
    }
}

/// One subscription as its group sees it.
struct MemoryMember: Sendable {
    let id: UInt32
    let prefetch: Int
    /// Nanoseconds.
    let lease: Int64
    var inFlight = 0
    var isPaused = false
    var isStopped = false

    init(id: UInt32, _ options: SubscriptionOptions) {
        self.id = id
        prefetch = options.prefetch
        lease = options.lease.nanosecondsClamped
    }

    var canTake: Bool { !isPaused && inFlight < prefetch }
}
