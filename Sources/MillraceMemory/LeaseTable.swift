import Millrace

/// The deliveries of a group that are out and unsettled, found by token in constant time.
///
/// A token is a slot's index and its generation, so that the token of a settled delivery never fits the slot's next one.
struct LeaseTable: ~Copyable {
    private struct Slot {
        var deadline: Int64 = 0
        var member: UInt32 = 0
        var generation: UInt32 = 0
        var nextFree: Int32 = -1
        var isTaken = false
    }

    private var slots: UnsafeMutablePointer<Slot>
    /// The message of each slot that is taken; beside the slots, so that moving one in or out touches nothing else.
    private var entries: UnsafeMutablePointer<MemoryEntry>
    private var capacity = 64
    private var used = 0
    private var firstFree: Int32 = -1
    private(set) var count = 0
    /// For slots whose lease has run out, the generation of the last delivery to which that happened.
    private var expired: [Int: UInt32] = [:]

    init() {
        slots = .allocate(capacity: capacity)
        entries = .allocate(capacity: capacity)
    }

    deinit {
        for index in 0..<used where slots[index].isTaken { (entries + index).deinitialize(count: 1) }
        entries.deallocate()
        slots.deallocate()
    }

    @inline(__always)
    mutating func insert(_ entry: consuming MemoryEntry, member: UInt32, deadline: Int64) -> DeliveryToken {
        let index: Int
        if firstFree >= 0 {
            index = Int(firstFree)
            firstFree = slots[index].nextFree
        } else {
            if used == capacity { grow() }
            index = used
            slots[index] = Slot()
            used &+= 1
        }
        count &+= 1
        slots[index].member = member
        slots[index].deadline = deadline
        slots[index].isTaken = true
        (entries + index).initialize(to: entry)
        return DeliveryToken(UInt64(slots[index].generation) << 32 | UInt64(index))
    }

    /// Takes a delivery out; nil when it was settled before.
    @inline(__always)
    mutating func remove(_ token: DeliveryToken) -> (entry: MemoryEntry, member: UInt32)? {
        guard let index = index(of: token) else { return nil }
        return (removeSlot(index), slots[index].member)
    }

    mutating func renew(_ token: DeliveryToken, until deadline: Int64) {
        guard let index = index(of: token) else { return }
        slots[index].deadline = deadline
    }

    /// Takes out what belongs to a member.
    mutating func removeAll(of member: UInt32) -> [MemoryEntry] {
        (0..<used).filter { slots[$0].isTaken && slots[$0].member == member }.map { removeSlot($0) }
    }

    /// Takes out what has run out of time, and says when the next one will.
    mutating func removeExpired(at now: Int64) -> (expired: [(entry: MemoryEntry, member: UInt32)], next: Int64?) {
        var expired: [(entry: MemoryEntry, member: UInt32)] = []
        var next: Int64?
        for index in 0..<used where slots[index].isTaken {
            if slots[index].deadline <= now {
                self.expired[index] = slots[index].generation
                expired.append((removeSlot(index), slots[index].member))
            } else {
                next = min(next ?? .max, slots[index].deadline)
            }
        }
        return (expired, next)
    }

    /// Whether a delivery that is not out any more was taken back because its lease had run out. Known of the last such
    /// delivery of each slot.
    func hasExpired(_ token: DeliveryToken) -> Bool {
        expired[Int(token.rawValue & 0xFFFF_FFFF)] == UInt32(token.rawValue >> 32)
    }

    @inline(__always)
    private func index(of token: DeliveryToken) -> Int? {
        let index = Int(token.rawValue & 0xFFFF_FFFF)
        guard index < used, slots[index].generation == UInt32(token.rawValue >> 32), slots[index].isTaken else {
            return nil
        }
        return index
    }

    @inline(__always)
    private mutating func removeSlot(_ index: Int) -> MemoryEntry {
        slots[index].isTaken = false
        slots[index].generation &+= 1
        slots[index].nextFree = firstFree
        firstFree = Int32(truncatingIfNeeded: index)
        count &-= 1
        return (entries + index).move()
    }

    @inline(never)
    private mutating func grow() {
        let largerSlots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity * 2)
        largerSlots.moveInitialize(from: slots, count: used)
        slots.deallocate()
        slots = largerSlots
        // Only called when every slot is taken, so every entry is there to be moved.
        let largerEntries = UnsafeMutablePointer<MemoryEntry>.allocate(capacity: capacity * 2)
        largerEntries.moveInitialize(from: entries, count: used)
        entries.deallocate()
        entries = largerEntries
        capacity *= 2
    }
}

extension Int64 {
    /// The sum, or the largest number when it is beyond that.
    @inline(__always)
    func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
