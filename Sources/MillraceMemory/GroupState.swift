import Millrace
import MillraceTransportKit

/// What a group knows of the messages that have left its inbox. A pure state machine under the group's lock.
struct GroupState: ~Copyable {
    private var members: ContiguousArray<MemoryMember> = []
    private var queue = RingBuffer<MemoryEntry>(minimumCapacity: 64)
    /// What was handed out and came back, in the topic's order; all of it older than anything in `queue`.
    private var returned = RingBuffer<MemoryEntry>()
    private var leases = LeaseTable()
    /// What is settled and goes back to a publisher.
    private var spent = SpentMessages()
    private var delayed: [UInt64: (entry: MemoryEntry, timer: ScheduledTimer?)] = [:]
    private var lanes = Lanes<MemoryEntry>()
    private var isOrdered = false
    private var nextDelayID: UInt64 = 0
    private var nextMemberID: UInt32 = 0
    /// When the timer that looks for leases that have run out fires next, in the clock's nanoseconds; `.max` for never.
    private(set) var leaseTimer = Int64.max

    var inFlightCount: Int { leases.count }
    var delayedCount: Int { delayed.count }
    /// How many messages a reader could be handed; of those in lanes only the first counts.
    var readyCount: Int { queue.count + returned.count }

    /// How many messages have come back and can be handed out again.
    var returnedCount: Int { returned.count }
    var waitingCount: Int { readyCount + lanes.waitingCount }

    // MARK: Members

    mutating func join(_ options: SubscriptionOptions) -> UInt32 {
        nextMemberID += 1
        members.append(MemoryMember(id: nextMemberID, options))
        isOrdered = isOrdered || options.ordered == .byKey
        return nextMemberID
    }

    var memberIDs: [UInt32] { members.map(\.id) }

    /// Whether a member may take messages, now or after a pause.
    var isFetching: Bool { members.contains { !$0.isStopped } }

    /// Changes what is known of a member; nil when it has left.
    @inline(__always)
    mutating func member<Result>(_ id: UInt32, _ body: (inout MemoryMember) -> Result) -> Result? {
        for index in members.indices where members[index].id == id { return body(&members[index]) }
        return nil
    }

    /// The member is gone; what it had comes back as if it had not been handed out.
    mutating func leave(_ id: UInt32) {
        members.removeAll { $0.id == id }
        for var entry in leases.removeAll(of: id) {
            entry.attempt -= 1
            putBack(entry)
        }
    }

    // MARK: Out

    /// What came of a pull.
    enum Taken { case some, nothing, held, ended }

    /// Hands out up to `limit` messages; `refill` swaps what has arrived into the queue that it is given, and
    /// what is spent out of the other.
    mutating func take(
        for id: UInt32, into batch: inout DeliveryBatch, upTo limit: Int, now: Int64,
        refill: (inout RingBuffer<MemoryEntry>, inout SpentMessages) -> Void
    ) -> Taken {
        guard let member = member(id, { $0 }), !member.isStopped else { return .ended }
        // Also when nothing may be taken: the refill tells the caller which changes it has seen.
        refill(&queue, &spent)
        guard member.canTake else { return .held }
        let room = min(limit, member.prefetch &- member.inFlight)
        let deadline = now.addingSaturating(member.lease)
        var taken = 0
        while taken < room, var entry = nextEntry() {
            entry.attempt &+= 1
            let attempt = Int(entry.attempt)
            let message = entry.message
            let position = Position(low: entry.sequence)
            let token = leases.insert(consume entry, member: id, deadline: deadline)
            batch.records.append(DeliveryRecord(message: message, attempt: attempt, token: token, position: position))
            taken &+= 1
        }
        guard taken > 0 else { return .nothing }
        _ = self.member(id) { $0.inFlight &+= taken }
        return .some
    }

    @inline(__always)
    private mutating func nextEntry() -> MemoryEntry? {
        while var entry = returned.isEmpty ? queue.popFirst() : returned.popFirst() {
            guard isOrdered, !entry.holdsLane else { return entry }
            entry.holdsLane = true
            if lanes.enter(entry.message.key, entry) { return entry }
        }
        return nil
    }

    /// Drops the oldest message that nobody has now; nil when all are out or delayed.
    mutating func dropOldest() -> MemoryEntry? {
        // What waits in a lane has left the queue, so it is older than what is still there; what came back may be older.
        let older = returned.first?.sequence ?? .max
        if let entry = lanes.removeLowest(below: older, { $0.sequence }) { return entry }
        guard let entry = returned.popFirst() ?? queue.popFirst() else { return nil }
        if isOrdered, entry.holdsLane, let next = lanes.leave(entry.message.key) { putBack(next) }
        return entry
    }

    // MARK: Back

    /// The delivery is over, by acknowledgement or rejection. Nil when it was settled before.
    @inline(__always)
    mutating func finish(_ token: DeliveryToken) -> MemoryEntry? {
        guard let (entry, member) = leases.remove(token) else { return nil }
        settled(by: member)
        if isOrdered, entry.holdsLane, let next = lanes.leave(entry.message.key) { putBack(next) }
        return entry
    }

    /// As ``finish(_:)``, and the message is not needed any more. Nil when it was settled before; else its publisher's
    /// receipt, if any.
    @inline(__always)
    mutating func discard(_ token: DeliveryToken) -> PublishReceipt?? {
        guard let entry = finish(token) else { return nil }
        let receipt = entry.receipt
        spent.add(entry)
        return .some(receipt)
    }

    /// Why a member's settlement of a delivery that is not out has no effect.
    mutating func reason(toIgnore token: DeliveryToken, by id: UInt32) -> MillraceEvent.IgnoredSettlement {
        if member(id, { _ in }) == nil { return .subscriptionClosed }
        return leases.hasExpired(token) ? .leaseExpired : .settledTwice
    }

    /// Nobody publishes: lets go of what waits for a publisher.
    mutating func removeSpent() { spent.removeAll() }

    /// The delivery comes back at once, as if it had not been handed out.
    mutating func release(_ token: DeliveryToken) -> Bool {
        guard let (leased, member) = leases.remove(token) else { return false }
        settled(by: member)
        var entry = leased
        entry.attempt -= 1
        putBack(entry)
        return true
    }

    /// The delivery comes back when its delay is ended, by the id that is returned; at once if it is zero. Its lane stays
    /// closed meanwhile. Nil when it was settled before.
    mutating func delay(_ token: DeliveryToken, isZero: Bool) -> UInt64? {
        guard let (entry, member) = leases.remove(token) else { return nil }
        settled(by: member)
        nextDelayID += 1
        if isZero { putBack(entry) } else { delayed[nextDelayID] = (entry, nil) }
        return nextDelayID
    }

    /// Notes the timer of a delay, to be cancelled with the group. False when the delay is over already.
    mutating func setTimer(_ timer: ScheduledTimer, of id: UInt64) -> Bool {
        guard delayed[id] != nil else { return false }
        delayed[id]?.timer = timer
        return true
    }

    /// A delayed delivery's time has come.
    mutating func endDelay(_ id: UInt64) {
        if let (entry, _) = delayed.removeValue(forKey: id) { putBack(entry) }
    }

    /// Starts the lease of a member's delivery anew.
    mutating func renew(_ token: DeliveryToken, now: Int64, by id: UInt32) {
        guard let lease = member(id, { $0.lease }) else { return }
        leases.renew(token, until: now.addingSaturating(lease))
    }

    /// Asks for a timer for a new lease. Nil when one is set that fires no later; otherwise its instant.
    @inline(__always)
    mutating func watch(until deadline: Int64) -> Int64? {
        guard deadline < leaseTimer else { return nil }
        leaseTimer = deadline
        return deadline
    }

    /// Takes back what was out for too long, and says when to look again; nil when another timer will.
    mutating func expireLeases(at now: Int64, timer: Int64) -> (expired: [MemoryEntry], next: Int64?) {
        let (expired, next) = leases.removeExpired(at: now)
        for (entry, member) in expired {
            settled(by: member)
            putBack(entry)
        }
        // A timer that a shorter lease has overtaken leaves the looking to the other one.
        guard timer == leaseTimer else { return (expired.map(\.entry), nil) }
        leaseTimer = next ?? .max
        return (expired.map(\.entry), next)
    }

    /// Forgets all messages that are not out, and returns them.
    mutating func removeAll() -> [MemoryEntry] {
        var entries = lanes.removeAll()
        while let entry = returned.popFirst() { entries.append(entry) }
        while let entry = queue.popFirst() { entries.append(entry) }
        for (entry, timer) in delayed.values {
            timer?.cancel()
            entries.append(entry)
        }
        delayed.removeAll()
        return entries
    }

    @inline(__always)
    private mutating func settled(by id: UInt32) { _ = member(id) { $0.inFlight &-= 1 } }

    private mutating func putBack(_ entry: MemoryEntry) {
        returned.insert(entry, before: { $0.sequence > entry.sequence })
    }
}
