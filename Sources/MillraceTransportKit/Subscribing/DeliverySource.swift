public import Millrace

/// What only its transport can do of a subscription: take messages from the broker, and tell it what became of them.
///
/// A ``BufferedSubscription`` does the rest. It calls ``fetch(upTo:)``, ``settle(_:)`` and ``renew(_:)`` from tasks of its own, which
/// may run side by side; none of the three is called again before it has returned. What a broker says of a claim is the source's:
/// it knows for which topic, group and member it works, and how long a claim lasts without being renewed.
public protocol DeliverySource: Sendable {
    /// Claims up to `room` messages for this member and returns them in the broker's order: those that are with nobody, whose delay is
    /// over, or whose claim has run out, before those that nobody has had.
    ///
    /// The attempt of each is 1 more than the attempts that count; see ``SettledDelivery/attempts``. A claim that runs out counts as one,
    /// because whoever had it may have died of the message. May wait for messages to come, or return none: then it is called again
    /// after the poll interval, or after ``BufferedSubscription/look()``.
    ///
    /// A retriable error is reported, and the fetch tried again after a while; any other one ends the subscription. The task is cancelled
    /// when the subscription stops. What is returned all the same is given back.
    func fetch(upTo room: Int) async throws -> [DeliveryBuffer.Entry]

    /// Tells the broker what became of deliveries: all that were settled since the last call, in their order. What this member has no
    /// claim to any more is left alone.
    ///
    /// After a retriable error the same deliveries are tried again, with those that have come since; after any other one they are given
    /// up, and come back when their claims run out.
    func settle(_ deliveries: [SettledDelivery]) async throws

    /// Makes the claims to messages last anew. Called three times in a lease, for everything that this member holds. An error is made up
    /// for by the next call.
    func renew(_ positions: [Position]) async throws

    /// The subscription is over, everything is settled or given back, and nothing more is called. The default does nothing.
    func close() async

    /// How many messages wait for the consumer group and are with nobody, as of a moment ago; nil, the default, when that is not known.
    var lag: Int? { get }
}

extension DeliverySource {
    /// Nothing is to be closed.
    public func close() async {}
    /// Not known.
    public var lag: Int? { nil }
}

/// What became of a message that a ``DeliverySource`` has handed out.
public struct SettledDelivery: Sendable {
    /// The ways in which it can go.
    public enum Outcome: Sendable {
        /// Done for this consumer group: it never comes again.
        case acknowledged
        /// Given up: the letter, which has the record of why, is to be published to the topic, and the message is done. In one step
        /// where the broker can, or else in this order.
        case deadLettered(letter: Message, topic: String)
        /// Handed out once more by this member, whose claim stays: the attempts that count are to be noted, for whoever comes after.
        case retried
        /// With nobody from now on: anybody may fetch it, after the delay. A broker without delays pays no attention to it.
        case returned(after: Duration)
    }

    /// Which message.
    public let position: Position
    /// What became of it.
    public let outcome: Outcome
    /// How many attempts count: those that were begun and came to nothing, and not the one that ``DeliverySource/fetch(upTo:)`` has begun
    /// for a message that nobody has looked at.
    public let attempts: Int

    /// What became of a message.
    public init(_ outcome: Outcome, at position: Position, attempts: Int) {
        self.outcome = outcome
        self.position = position
        self.attempts = attempts
    }
}
