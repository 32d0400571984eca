#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
import Millrace

/// What the store keeps of a saga: its state, and what makes sure that each message has its effect once.
///
/// A message's effect on the state, the note that it was handled and what it has made are written in one step. Should the process end before
/// the latter has left, the message comes back, is recognised, and what it has made leaves then.
struct SagaRecord<State: Codable & Sendable>: Codable, Sendable {
    /// A message that has been made and may not have left yet.
    struct Pending: Codable, Sendable {
        /// The id of the message that has made it.
        let cause: String
        let topic: String
        let id: MessageID
        let key: String?
        let metadata: [[String]]
        let payload: Data
        /// When it is to leave, in milliseconds since 1970; nil for at once.
        let due: Int64?
        /// How long it was to wait when it was made, in milliseconds; nil for at once, and in records of older versions.
        let delay: Int64?
    }

    var state: State
    var isFinished = false
    /// The ids of the messages that were handled, in their order.
    var handled: [String] = []
    var pending: [Pending] = []

    init(_ state: State) { self.state = state }

    /// Notes that a message was handled, and what it has made.
    mutating func note(_ message: Message, _ outputs: Outputs, _ delayed: [DelayedMessage], remembering limit: Int) {
        let cause = message.id.description
        handled.append(cause)
        pending += outputs.all.compactMap { topic, message in
            topic.map { Pending(message, to: $0, due: nil, delay: nil, cause: cause) }
        }
        pending += delayed.map { Pending($0.message, to: $0.topic, due: $0.due, delay: $0.delay, cause: cause) }
        guard handled.count > limit else { return }
        let needed = Set(pending.map(\.cause))
        var excess = handled.count - limit
        handled.removeAll { id in
            guard excess > 0, !needed.contains(id) else { return false }
            excess -= 1
            return true
        }
    }

    /// What a message has made.
    func pending(of cause: String) -> [Pending] { pending.filter { $0.cause == cause } }
}

extension SagaRecord.Pending {
    init(_ message: Message, to topic: String, due: Int64?, delay: Int64?, cause: String) {
        self.cause = cause
        self.topic = topic
        self.due = due
        self.delay = delay
        id = message.id
        key = message.key
        metadata = message.metadata.map { [$0.key, $0.value] }
        payload = message.payload.withUnsafeBytes { Data($0) }
    }

    var message: Message {
        let pairs = metadata.filter { $0.count == 2 }.map { (key: $0[0], value: $0[1]) }
        return Message(id: id, payload: [UInt8](payload), key: key, metadata: Metadata(pairs))
    }
}
