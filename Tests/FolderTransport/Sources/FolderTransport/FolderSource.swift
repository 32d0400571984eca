import Millrace
import MillraceTransportKit

/// One member of a consumer group: what it takes from the folder, and what it tells it.
struct FolderSource: DeliverySource {
    private let topic: TopicFolder
    /// The name of the group's file.
    private let group: String
    private let isAlone: Bool
    private let lease: Int64
    private let member = "\(MessageID.next())"

    /// Joins the group, which begins where it is told to if it is new.
    init(_ topic: TopicFolder, _ options: SubscriptionOptions) throws {
        self.topic = topic
        isAlone = options.group == nil
        group = try options.group.map(TopicFolder.fileName) ?? "~\(member)"
        lease = Int64(options.lease / .milliseconds(1))
        try topic.locked {
            guard try topic.state(of: "\(group).group") == nil else { return }
            let next: UInt64 =
                switch options.start ?? (isAlone ? .now : .beginning) {
                case .beginning: 1
                case .now: topic.last + 1
                case .after(let position): position.low + 1
                case .time: throw MillraceError(.unsupported, "a folder keeps no times", isRetriable: false)
                }
            try topic.save(GroupState(next: next), of: "\(group).group")
        }
    }

    func fetch(upTo room: Int) async throws -> [DeliveryBuffer.Entry] {
        try change { state in
            let now = SystemClock.shared.unixMilliseconds
            // What was given back, and what somebody had who is gone.
            var numbers = state.claims.filter { $0.value.member == nil || $0.value.end < now }.keys.sorted().prefix(room)
            while numbers.count < room, state.next <= topic.last {
                numbers.append(state.next)
                state.next += 1
            }
            return numbers.compactMap { number in
                var claim = state.claims.removeValue(forKey: number) ?? GroupState.Claim()
                guard let message = topic.message(number) else { return nil }
                // Whoever has lost it may have died of it: that counts.
                if claim.member != nil { claim.attempts += 1 }
                (claim.member, claim.end) = (member, now + lease)
                state.claims[number] = claim
                return DeliveryBuffer.Entry(message: message, attempt: claim.attempts + 1, position: Position(low: number))
            }
        }
    }

    func settle(_ deliveries: [SettledDelivery]) async throws {
        try change { state in
            for delivery in deliveries where state.claims[delivery.position.low]?.member == member {
                let number = delivery.position.low
                switch delivery.outcome {
                case .acknowledged: state.claims[number] = nil
                case .deadLettered(let letter, let name):
                    try TopicFolder(name, in: topic.parent).append([letter])
                    state.claims[number] = nil
                case .retried: state.claims[number]?.attempts = delivery.attempts
                // At once, also before its delay is over: what comes behind it must not pass it.
                case .returned: state.claims[number] = GroupState.Claim(attempts: delivery.attempts)
                }
            }
        }
    }

    func renew(_ positions: [Position]) async throws {
        try change { state in
            let end = SystemClock.shared.unixMilliseconds + lease
            for number in positions.map(\.low) where state.claims[number]?.member == member { state.claims[number]?.end = end }
        }
    }

    func close() async { if isAlone { try? topic.locked { try topic.remove("\(group).group") } } }

    /// Changes the group's state, and keeps it unless `body` throws.
    private func change<Result>(_ body: (inout GroupState) throws -> Result) throws -> Result {
        try topic.locked {
            guard var state = try topic.state(of: "\(group).group") else {
                throw MillraceError(.connectionFailed, "the file of group '\(group)' is gone", isRetriable: false)
            }
            let result = try body(&state)
            try topic.save(state, of: "\(group).group")
            return result
        }
    }
}
