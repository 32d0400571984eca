import Millrace

/// What a ``FanOutMember`` holds, and whether it may take more. A pure state machine, but for the signals, which are fired outside of
/// its lock.
struct FanOutMemberState: Sendable {
    /// What a pull may do.
    enum Admission {
        case ended
        /// Wait until the signal fires, and ask again.
        case wait(for: Signal)
        /// Take so many at most, as long as the signal has not fired. They are reserved until ``leave(reserved:)``.
        case take(upTo: Int, unless: Signal)
    }

    var held: Set<DeliveryToken> = []
    var isPaused = false
    var isStopped = false
    var isClosed = false
    /// How many deliveries pulls may be about to take.
    private var reserved = 0
    /// A pull waits for room.
    private var awaitsRoom = false
    /// Fires when pulls have to look again.
    private var change = Signal()

    mutating func admit(_ limit: Int, prefetch: Int) -> Admission {
        if isStopped { return .ended }
        if isPaused { return .wait(for: change) }
        let room = min(limit, prefetch - held.count - reserved)
        guard room > 0 else {
            awaitsRoom = true
            return .wait(for: change)
        }
        reserved += room
        return .take(upTo: room, unless: change)
    }

    /// A pull is over. Returns the signal to fire, if another one waits for the room.
    mutating func leave(reserved room: Int) -> Signal? {
        reserved -= room
        return noticeRoom()
    }

    /// There may be room. Returns the signal to fire, if a pull waits for it.
    mutating func noticeRoom() -> Signal? { awaitsRoom ? renewChange() : nil }

    /// Something has changed for all pulls. Returns the signal to fire.
    mutating func renewChange() -> Signal {
        defer { change = Signal() }
        awaitsRoom = false
        return change
    }
}
