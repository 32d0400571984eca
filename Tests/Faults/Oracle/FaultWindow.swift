/// A fault that has happened, and what it can explain.
struct FaultWindow: Hashable {
    /// What may come of a fault.
    enum Effect: Hashable, CaseIterable {
        /// A message is handled again.
        case duplicates
        /// A message comes behind a later one of its key, where the transport keeps the order for each member by itself: it was with
        /// another one.
        case disorder
        /// A member goes on with what it had, though others have it by now.
        case staleWork
    }

    /// Whose work it has disturbed.
    enum Victims: Hashable {
        case everyone
        case member(String)

        func include(_ member: String) -> Bool {
            switch self {
            case .everyone: true
            case .member(let victim): victim == member
            }
        }
    }

    /// What has happened, for the report.
    let name: String
    let victims: Victims
    /// Microseconds: from when until when.
    let start: Int64
    let end: Int64
    /// How long after the end its effects may last, in microseconds: reconnecting, the lease of what was in somebody's hands.
    let aftermath: Int64
    let explains: Set<Effect>
    /// How long nothing had been acknowledged when the fault came, in microseconds, because of another one before it.
    var heldUp: Int64 = 0

    /// What was done so long before, in microseconds, may not have been acknowledged when the fault came: acknowledgements gather
    /// for some milliseconds, and Kafka's progress is committed five times a second.
    static let unacknowledged: Int64 = 1_000_000

    /// Whether work may not have been acknowledged because of the fault.
    func disturbs(_ handling: Handling) -> Bool {
        explains.contains(.duplicates) && victims.include(handling.member) && handling.end >= start - heldUp - Self.unacknowledged
            && handling.start <= end + aftermath
    }

    /// Whether a member that was thought dead has done it because of the fault.
    func makesStale(_ handling: Handling) -> Bool {
        explains.contains(.staleWork) && victims.include(handling.member) && isUnderWay(handling.end)
    }

    /// Whether the fault, or its aftermath, was under way when a handler began.
    func isUnderWay(_ time: Int64) -> Bool { time >= start && time <= end + aftermath }
}
