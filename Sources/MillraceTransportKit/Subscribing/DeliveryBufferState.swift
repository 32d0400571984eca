import Millrace

/// The state machine of a ``DeliveryBuffer``, under its lock.
struct DeliveryBufferState: Sendable {
    typealias Entry = DeliveryBuffer.Entry
    typealias Waiter = UnsafeContinuation<Void, Never>

    private struct Slot {
        var entry: Entry?
        var generation: UInt32 = 0
        var handedOutAt = ClockInstant(nanoseconds: 0)
    }

    private struct Delayed {
        let entry: Entry
        let due: ClockInstant
        var timer: ScheduledTimer?
    }

    private let prefetch: Int
    private let isOrdered: Bool
    /// Arrived and never out; the first `taken` are gone.
    private var fresh: [Entry] = []
    private var taken = 0
    /// Out once and back, in the broker's order; all handed out before anything fresh.
    private var returned: [Entry] = []
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var lanes = Lanes<Entry>()
    private var delayed: [UInt64: Delayed] = [:]
    private var nextID: UInt64 = 0
    private var awaitsRoom = false
    var waiters: [(id: UInt64, waiter: Waiter)] = []
    var lost: (any Error)?
    var isPaused = false
    var isStopped = false

    init(prefetch: Int, isOrdered: Bool) {
        self.prefetch = prefetch
        self.isOrdered = isOrdered
    }

    private var readyCount: Int { fresh.count - taken + returned.count }
    var waitingCount: Int { readyCount + lanes.waitingCount + delayed.count }
    private var outCount: Int { slots.count - freeSlots.count }
    private var freeCount: Int {
        // Delayed messages hold up nobody, up to a point: they have to be somewhere.
        delayed.count / 16 < prefetch ? prefetch - readyCount - outCount - lanes.waitingCount : 0
    }

    // MARK: In

    mutating func room() -> Int {
        let free = freeCount
        awaitsRoom = free < max(1, prefetch / 4)
        return awaitsRoom ? 0 : free
    }

    /// Whether somebody waits for room that is there now.
    mutating func noticeRoom() -> Bool {
        guard awaitsRoom, freeCount >= max(1, prefetch / 4) else { return false }
        awaitsRoom = false
        return true
    }

    mutating func arrive(_ entries: [Entry]) {
        fresh.removeFirst(taken)
        taken = 0
        fresh += entries
    }

    mutating func arriveClaimed(_ entries: [Entry]) -> [Entry] {
        var expired: [Entry] = []
        for var entry in entries {
            if let index = slots.firstIndex(where: { $0.entry?.position == entry.position }),
                let old = removeSlot(index)
            {
                expired.append(old)
                entry.holdsLane = old.holdsLane
            }
            // What is behind others that wait here has to stay behind them.
            if !entry.holdsLane, taken < fresh.count, fresh[taken].position < entry.position {
                let index = fresh.lastIndex { $0.position < entry.position } ?? taken
                fresh.insert(entry, at: index + 1)
            } else {
                putBack(entry)
            }
        }
        return expired
    }

    mutating func restore(_ entry: Entry) { putBack(entry) }

    // MARK: Out

    enum Taken { case some, nothing, ended }

    /// Whether a pull would not have to wait.
    var canTake: Bool { lost != nil || isStopped || !isPaused && readyCount > 0 }

    mutating func take(into batch: inout DeliveryBatch, upTo limit: Int, now: ClockInstant) throws -> Taken {
        if isStopped { return .ended }
        if let lost { throw lost }
        guard !isPaused else { return .nothing }
        var count = 0
        while count < limit, let entry = nextEntry() {
            let token = insert(entry, now: now)
            batch.records.append(
                DeliveryRecord(message: entry.message, attempt: entry.attempt, token: token, position: entry.position))
            count += 1
        }
        return count > 0 ? .some : .nothing
    }

    private mutating func nextEntry() -> Entry? {
        while var entry = popReady() {
            guard isOrdered, !entry.holdsLane else { return entry }
            entry.holdsLane = true
            if lanes.enter(entry.message.key, entry) { return entry }
        }
        return nil
    }

    private mutating func popReady() -> Entry? {
        if !returned.isEmpty { return returned.removeFirst() }
        guard taken < fresh.count else { return nil }
        defer { taken += 1 }
        return fresh[taken]
    }

    private mutating func insert(_ entry: Entry, now: ClockInstant) -> DeliveryToken {
        let index = freeSlots.popLast() ?? slots.endIndex
        if index == slots.endIndex { slots.append(Slot()) }
        slots[index].entry = entry
        slots[index].handedOutAt = now
        return DeliveryToken(UInt64(slots[index].generation) << 32 | UInt64(index))
    }

    // MARK: Settle

    func entry(of token: DeliveryToken) -> Entry? { index(of: token).flatMap { slots[$0].entry } }

    private func index(of token: DeliveryToken) -> Int? {
        let index = Int(token.rawValue & 0xFFFF_FFFF)
        guard index < slots.count, slots[index].generation == UInt32(token.rawValue >> 32) else { return nil }
        return slots[index].entry == nil ? nil : index
    }

    private mutating func removeSlot(_ index: Int) -> Entry? {
        slots[index].generation &+= 1
        freeSlots.append(index)
        return slots[index].entry.take()
    }

    private mutating func remove(_ token: DeliveryToken) -> Entry? {
        index(of: token).flatMap { removeSlot($0) }
    }

    mutating func finish(_ token: DeliveryToken) -> Entry? {
        guard let entry = remove(token) else { return nil }
        if entry.holdsLane, let next = lanes.leave(entry.message.key) { putBack(next) }
        return entry
    }

    mutating func release(_ token: DeliveryToken) -> Bool {
        guard let entry = remove(token) else { return false }
        putBack(entry)
        return true
    }

    mutating func delay(_ token: DeliveryToken, id: UInt64, until due: ClockInstant) -> Entry? {
        guard var entry = remove(token) else { return nil }
        entry.attempt += 1
        delay(entry, id: id, until: due)
        return entry
    }

    mutating func delay(_ entry: Entry, id: UInt64, until due: ClockInstant) {
        delayed[id] = Delayed(entry: entry, due: due, timer: nil)
    }

    mutating func setTimer(_ timer: ScheduledTimer, of id: UInt64) -> Bool {
        guard delayed[id] != nil else { return false }
        delayed[id]?.timer = timer
        return true
    }

    mutating func endDelay(_ id: UInt64) {
        if let delayed = delayed.removeValue(forKey: id) { putBack(delayed.entry) }
    }

    mutating func renew(_ token: DeliveryToken, now: ClockInstant) {
        if let index = index(of: token) { slots[index].handedOutAt = now }
    }

    mutating func expire(handedOutBefore limit: ClockInstant) -> [Entry] {
        slots.indices.compactMap { expire($0, handedOutBefore: limit) }
    }

    mutating func expire(_ token: DeliveryToken, handedOutBefore limit: ClockInstant) -> Entry? {
        index(of: token).flatMap { expire($0, handedOutBefore: limit) }
    }

    private mutating func expire(_ index: Int, handedOutBefore limit: ClockInstant) -> Entry? {
        guard slots[index].entry != nil, slots[index].handedOutAt <= limit, var entry = removeSlot(index) else { return nil }
        entry.attempt += 1
        putBack(entry)
        return entry
    }

    /// Ends a delivery, and takes out what is held behind it: the other messages of its key.
    mutating func withdraw(_ token: DeliveryToken) -> (entry: Entry, behind: [Entry])? {
        guard let entry = remove(token) else { return nil }
        guard entry.holdsLane else { return (entry, []) }
        let key = entry.message.key
        var behind = lanes.removeLane(key)
        behind += returned.filter { $0.message.key == key } + fresh[taken...].filter { $0.message.key == key }
        returned.removeAll { $0.message.key == key }
        fresh.removeFirst(taken)
        taken = 0
        fresh.removeAll { $0.message.key == key }
        return (entry, behind)
    }

    /// Takes out what is ready and was not handed out.
    mutating func withdrawReady() -> [Entry] {
        var ready = returned + fresh[taken...]
        // Of these some may be the next of their keys, with others behind them.
        for entry in returned where entry.holdsLane { ready += lanes.removeLane(entry.message.key) }
        (fresh, taken, returned) = ([], 0, [])
        return ready
    }

    /// Withdraws what was handed out at a time or before it.
    mutating func withdraw(handedOutBefore limit: ClockInstant) -> (expired: [Entry], behind: [Entry]) {
        var result: (expired: [Entry], behind: [Entry]) = ([], [])
        for index in slots.indices where slots[index].entry != nil && slots[index].handedOutAt <= limit {
            let token = DeliveryToken(UInt64(slots[index].generation) << 32 | UInt64(index))
            guard let (entry, behind) = withdraw(token) else { continue }
            result.expired.append(entry)
            result.behind += behind
        }
        return result
    }

    private mutating func putBack(_ entry: Entry) {
        let index = returned.lastIndex { $0.position < entry.position }.map { $0 + 1 } ?? 0
        returned.insert(entry, at: index)
    }

    /// Takes out what is held, matches, and is not with a reader.
    mutating func withdraw(where matches: (Position) -> Bool) -> [Entry] {
        var removed = fresh[taken...].filter { matches($0.position) }
        fresh.removeFirst(taken)
        taken = 0
        fresh.removeAll { matches($0.position) }
        removed += lanes.removeAll { matches($0.position) }
        var holders = returned.filter { matches($0.position) }
        returned.removeAll { matches($0.position) }
        for (id, waiting) in delayed where matches(waiting.entry.position) {
            waiting.timer?.cancel()
            holders.append(waiting.entry)
            delayed[id] = nil
        }
        for entry in holders where entry.holdsLane {
            if let next = lanes.leave(entry.message.key) { putBack(next) }
        }
        return removed + holders
    }

    var heldPositions: [Position] {
        fresh[taken...].map(\.position) + returned.map(\.position) + delayed.values.map(\.entry.position)
            + lanes.all.map(\.position)
    }

    var outPositions: [Position] { slots.compactMap { $0.entry?.position } }

    mutating func removeAll(now: ClockInstant) -> (held: [Entry], delayed: [(entry: Entry, remaining: Duration)]) {
        var held = Array(fresh[taken...]) + returned + lanes.removeAll()
        for index in slots.indices where slots[index].entry != nil {
            if let entry = removeSlot(index) { held.append(entry) }
        }
        for waiting in delayed.values { waiting.timer?.cancel() }
        let rest = delayed.values.map { (entry: $0.entry, remaining: max(.zero, now.duration(to: $0.due))) }
        fresh = []
        taken = 0
        returned = []
        delayed = [:]
        return (held.sorted { $0.position < $1.position }, rest)
    }

    // MARK: Waiters

    mutating func makeID() -> UInt64 {
        nextID += 1
        return nextID
    }

    mutating func removeWaiter(_ id: UInt64) -> Waiter? {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return waiters.remove(at: index).waiter
    }

    /// Readers that have something to look at: one for each message, or all when there is nothing to wait for.
    mutating func wakeable() -> [Waiter] {
        guard !waiters.isEmpty, canTake else { return [] }
        let count = lost != nil || isStopped ? waiters.count : min(waiters.count, readyCount)
        defer { waiters.removeLast(count) }
        return waiters.suffix(count).reversed().map(\.waiter)
    }
}
