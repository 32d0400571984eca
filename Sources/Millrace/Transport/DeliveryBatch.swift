/// One message of a batch with what the transport says about it.
public struct DeliveryRecord: Sendable {
    /// The message.
    public var message: Message
    /// How often the message has been handed out, this time included; 1 for the first time.
    public var attempt: Int
    /// By what the subscription knows this delivery.
    public var token: DeliveryToken
    /// Where the message lies in the broker.
    public var position: Position

    /// A record with the given values.
    @inlinable public init(message: Message, attempt: Int, token: DeliveryToken, position: Position) {
        self.message = message
        self.attempt = attempt
        self.token = token
        self.position = position
    }
}

/// Deliveries that were pulled together. A worker keeps one and fills it again and again, so that pulling allocates nothing.
public struct DeliveryBatch: Sendable {
    /// The deliveries, in the order of the transport.
    public var records: ContiguousArray<DeliveryRecord> = []
    /// When the batch was pulled.
    public var receivedAt = ClockInstant(nanoseconds: 0)

    /// An empty batch.
    public init() {}

    /// Whether there is nothing in it.
    public var isEmpty: Bool { records.isEmpty }
    /// How many deliveries there are.
    public var count: Int { records.count }

    /// Takes all deliveries out and keeps the memory.
    public mutating func removeAll() { records.removeAll(keepingCapacity: true) }
}

/// Where a message lies in its topic: up to 128 bits that rise in the broker's order. Their meaning is the transport's:
/// partition and offset, milliseconds and sequence, or a plain number in `low`.
public struct Position: Hashable, Comparable, Sendable, LosslessStringConvertible {
    /// The more significant part.
    public let high: UInt64
    /// The less significant part.
    public let low: UInt64

    /// A position from its two parts.
    @inlinable public init(high: UInt64 = 0, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The position that ``description`` gives a text for: one number, or two with a `-` between them; nil for any other text.
    public init?(_ description: String) {
        let parts = description.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count <= 2, let last = parts.last.flatMap({ UInt64($0) }) else { return nil }
        guard parts.count == 2 else {
            self.init(low: last)
            return
        }
        guard let high = UInt64(parts[0]) else { return nil }
        self.init(high: high, low: last)
    }

    /// Positions are ordered by `high`, then by `low`.
    public static func < (left: Position, right: Position) -> Bool { (left.high, left.low) < (right.high, right.low) }

    /// `low`, or `high-low` when `high` is not 0.
    public var description: String { high == 0 ? "\(low)" : "\(high)-\(low)" }
}
