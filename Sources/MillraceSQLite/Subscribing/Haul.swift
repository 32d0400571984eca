import Millrace
import MillraceTransportKit

/// What one fetch has brought.
struct Haul {
    /// Taken from those that nobody has.
    var returned: [DeliveryBuffer.Entry] = []
    /// Taken from behind the cursor.
    var fresh: [DeliveryBuffer.Entry] = []
    /// There was no more room.
    var isFull = false
    /// Another look now will find more.
    var mustRepeat = false
    /// When a message that waits for its time will be due, in milliseconds since 1970.
    var nextDue: Int64?
    var standing = Membership.Standing.alive
    /// Whether the group keeps the order of keys.
    var keepsOrder = false
    /// From which positions on lanes are known to be held, so that their many messages are not asked about one by one.
    private var heldLanes: [Int64: Int64] = [:]

    /// Takes up to `room` messages for a member, within a transaction.
    static func take(_ room: Int, for member: Membership, from store: SQLiteStore, at now: Int64) throws -> Haul {
        var haul = Haul()
        haul.standing = try member.check(in: store, at: now)
        guard haul.standing == .alive else { return haul }
        haul.keepsOrder = try store.groups.isOrdered(member.group)
        let passedOver = try haul.takeFree(room, for: member, from: store, at: now)
        try haul.takeNew(room - haul.returned.count, for: member, from: store, passedOver: passedOver)
        haul.isFull = haul.returned.count + haul.fresh.count >= room
        haul.nextDue = try store.claims.nextDue(of: member.group, after: now)
        return haul
    }

    /// Returns how many were left because somebody is busy with their key.
    private mutating func takeFree(
        _ room: Int, for member: Membership, from store: SQLiteStore, at now: Int64
    ) throws -> Int {
        let limit = keepsOrder ? Fetcher.maximumPassedOver : room
        var left = 0
        for free in try store.claims.free(limit, of: member.group, at: now) {
            guard returned.count < room else { break }
            var lane = free.lane
            var message: Message?
            if keepsOrder, lane == nil {
                message = try store.messages.message(at: free.position, of: member.topic)
                lane = LaneNumber.of(message?.key)
            }
            if keepsOrder, let lane, try isHeld(lane, before: free.position, for: member, in: store) {
                left += 1
                continue
            }
            if message == nil { message = try store.messages.message(at: free.position, of: member.topic) }
            guard let message else {
                // Retention did not wait for it.
                try store.claims.delete(free.position, of: member.group)
                continue
            }
            try store.claims.take(free.position, of: member.group, for: member.member, lane: keepsOrder ? lane : nil)
            returned.append(Self.entry(message, free.position, attempt: free.attempts))
        }
        // What was left may have waited for what was taken.
        mustRepeat = left > 0 && !returned.isEmpty
        return left
    }

    private mutating func takeNew(
        _ room: Int, for member: Membership, from store: SQLiteStore, passedOver: Int
    ) throws {
        guard room > 0, let start = try store.groups.cursor(of: member.group) else { return }
        var cursor = start
        var passedOver = passedOver
        var isAtEnd = false
        while fresh.count < room, !isAtEnd, passedOver < Fetcher.maximumPassedOver {
            isAtEnd = true
            try store.messages.read(room - fresh.count, after: cursor, of: member.topic) { position, message in
                isAtEnd = false
                cursor = position
                guard keepsOrder else {
                    try store.claims.insert(position, of: member.group, for: member.member, lane: nil)
                    return fresh.append(Self.entry(message, position, attempt: 1))
                }
                let lane = LaneNumber.of(message.key)
                if try isHeld(lane, before: position, for: member, in: store) {
                    try store.claims.insert(position, of: member.group, for: 0, lane: lane)
                    passedOver += 1
                } else {
                    try store.claims.insert(position, of: member.group, for: member.member, lane: lane)
                    fresh.append(Self.entry(message, position, attempt: 1))
                }
            }
        }
        if cursor != start { try store.groups.setCursor(of: member.group, to: cursor) }
    }

    /// A member whose buffer does not keep the order has one message of a key at a time.
    private mutating func isHeld(
        _ lane: Int64, before position: Int64, for member: Membership, in store: SQLiteStore
    ) throws -> Bool {
        if let start = heldLanes[lane], position >= start { return true }
        let exempt = member.isOrdered ? member.member : -1
        let isHeld = try store.claims.isHeld(lane, before: position, of: member.group, besides: exempt)
        if isHeld { heldLanes[lane] = position }
        return isHeld
    }

    private static func entry(_ message: Message, _ position: Int64, attempt: Int64) -> DeliveryBuffer.Entry {
        DeliveryBuffer.Entry(
            message: message, attempt: Int(attempts: attempt), position: Position(low: UInt64(clamping: position)))
    }
}
