import Millrace

/// What the server believes a member to have: everything that was handed out and has not been settled there.
final class NATSClaims: Sendable {
    struct Claim: Sendable {
        /// Where it is settled.
        var reply: String
        /// How often the server has handed it out.
        var delivered: Int
        /// When the stream took the message in: tells it from one of the same number in another stream of the same name.
        let time: UInt64
    }

    private struct State {
        var claims: [UInt64: Claim] = [:]
        /// What this member has given back, by how often it had been handed out then, and how many of these times do not count.
        var returned: [UInt64: (delivered: Int, excused: Int)] = [:]
    }

    /// How many of those that were given back are remembered. Of others the bucket has to be asked.
    private static let maximumReturned = 65_536

    private let state = Lock(State())

    enum Arrival: Sendable {
        /// The member has it already.
        case known
        case fresh
        case returned(attempt: Int)
        /// Another member had it before.
        case foreign
    }

    /// Notes messages that have come.
    func arrive(_ messages: [Incoming]) -> [Arrival] {
        state.withLock { state in
            messages.map { message in
                let claim = Claim(reply: message.reply, delivered: message.ack.delivered, time: message.ack.time)
                let isKnown = state.claims.updateValue(claim, forKey: message.ack.sequence) != nil
                if isKnown { return .known }
                guard claim.delivered > 1 else { return .fresh }
                guard let before = state.returned.removeValue(forKey: message.ack.sequence),
                    before.delivered + 1 == claim.delivered
                else { return .foreign }
                return .returned(attempt: max(1, claim.delivered - before.excused))
            }
        }
    }

    /// Takes out claims that are to be settled.
    func remove(_ positions: [Position]) -> [Claim] {
        state.withLock { state in positions.compactMap { state.claims.removeValue(forKey: $0.low) } }
    }

    func removeAll() { state.withLock { $0 = State() } }

    func remove(_ position: Position) -> Claim? { state.withLock { $0.claims.removeValue(forKey: position.low) } }

    func claim(of position: Position) -> Claim? { state.withLock { $0.claims[position.low] } }

    /// Takes out a claim that goes back to the server. `attempt` is that of the next delivery.
    func giveBack(_ position: Position, nextAttempt: Int) -> Claim? {
        state.withLock { state in
            guard let claim = state.claims.removeValue(forKey: position.low) else { return nil }
            if state.returned.count >= Self.maximumReturned { state.returned = [:] }
            state.returned[position.low] = (claim.delivered, claim.delivered + 1 - nextAttempt)
            return claim
        }
    }

    /// Where everything is settled.
    var replies: [String] { state.withLock { $0.claims.values.map(\.reply) } }

    var count: Int { state.withLock { $0.claims.count } }
}
