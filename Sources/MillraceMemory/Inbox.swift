import Millrace

/// A group's front door, guarded by the topic's lock: what publishers put in, and who waits for it.
///
/// Kept apart from what happens to messages inside the group, so that publishers hold the topic's lock for an append only
/// and readers for a swap only.
struct Inbox: ~Copyable {
    let capacity: Int
    var arrived = RingBuffer<MemoryEntry>(minimumCapacity: 64)
    /// How many messages the group had in all, wherever they are, when its settlements were last counted in.
    var count = 0
    /// What publishers are to let go of.
    var spent = SpentMessages()
    /// Readers that would take the next message.
    var idle = Waiters()
    /// Readers that wait for their own pause or prefetch to let them go on.
    var held = Waiters()
    /// Rises whenever a reader that found nothing may now find something.
    var version: UInt64 = 0

    init(capacity: Int) { self.capacity = capacity }

    var hasRoom: Bool { count < capacity }
    var isHalfEmpty: Bool { count <= capacity / 2 }

    /// Whether publishers that wait should come: not for a single place, unless readers have nothing else to do.
    var isWorthwhile: Bool { isHalfEmpty || hasRoom && !idle.isEmpty }

    @inline(__always)
    mutating func append(_ entry: consuming MemoryEntry, wakeups: inout Wakeups) {
        arrived.append(entry)
        count &+= 1
        if !idle.isEmpty, let reader = idle.removeLast() { wakeups.add(reader) }
    }

    /// Something changed inside the group: lets up to `count` idle readers look again.
    mutating func wakeIdle(_ count: Int, into wakeups: inout Wakeups) {
        version &+= 1
        var left = count
        while left > 0, let reader = idle.removeLast() {
            wakeups.add(reader)
            left -= 1
        }
    }

    /// Leases have run out, which frees places of the prefetch: lets all who wait for theirs look again.
    mutating func wakeHeld(into wakeups: inout Wakeups) {
        version &+= 1
        wakeups.add(held.removeAll())
    }

    /// Takes a reader out, wherever it waits.
    mutating func remove(_ id: UInt64) -> Waiters.Continuation? { idle.remove(id) ?? held.remove(id) }

    /// A reader may go on, or has to stop: lets its tasks look again.
    mutating func wakeAll(of member: UInt32, into wakeups: inout Wakeups) {
        version &+= 1
        wakeups.add(held.removeAll(of: member))
        wakeups.add(idle.removeAll(of: member))
    }
}
