import Millrace

/// A partition of one of the topics that a subscription reads.
struct KafkaPartition: Hashable, Sendable {
    /// The topic, by its number in the subscription's ``KafkaTopicTable``.
    let topic: Int32
    let number: Int32

    init(_ number: Int32, ofTopic topic: Int32 = 0) {
        self.topic = topic
        self.number = number
    }

    /// The partition of a message that was received at `position`.
    init(of position: Position) {
        topic = Int32(truncatingIfNeeded: position.high >> 32)
        number = Int32(truncatingIfNeeded: position.high)
    }

    /// The position of one of its messages. In a subscription to one topic: partition and offset.
    func position(at offset: Int64) -> Position {
        Position(high: UInt64(UInt32(bitPattern: topic)) << 32 | UInt64(UInt32(bitPattern: number)), low: UInt64(offset))
    }
}
