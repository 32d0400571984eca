import CRdKafka
import Millrace

/// Where reading begins in partitions of which the group has committed nothing.
struct KafkaStart: Sendable {
    private let position: StartPosition
    /// The partitions' ends when the subscription was opened; those of partitions that were made later are not there.
    private let ends: [KafkaPartition: Int64]

    init(_ position: StartPosition, ends: [KafkaPartition: Int64]) {
        self.position = position
        self.ends = ends
    }

    /// Whether ``ends`` have to be known.
    static func needsEnds(_ position: StartPosition) -> Bool { position == .now }

    /// The offset to begin at, which may be `RD_KAFKA_OFFSET_BEGINNING`.
    func offset(of partition: KafkaPartition, on consumer: KafkaConsumer, timeout: Duration) throws -> Int64 {
        switch position {
        case .beginning: Int64(RD_KAFKA_OFFSET_BEGINNING)
        // What was made later begins after it.
        case .now: ends[partition] ?? Int64(RD_KAFKA_OFFSET_BEGINNING)
        case .after(let position):
            // Positions of partitions do not compare: in the others nothing is left out.
            KafkaPartition(of: position) == partition
                ? Int64(clamping: position.low == .max ? .max : position.low + 1) : Int64(RD_KAFKA_OFFSET_BEGINNING)
        case .time(let time):
            try Self.offset(at: time, partition.number, consumer.topics.name(of: partition), consumer.handle, timeout)
        }
    }

    private static func offset(
        at time: Int64, _ partition: Int32, _ topic: String, _ handle: KafkaHandle, _ timeout: Duration
    ) throws -> Int64 {
        let list = KafkaPartitions()
        list.add(topic, partition, offset: time)
        let code = rd_kafka_offsets_for_times(handle.raw, list.raw, Int32(timeout / .milliseconds(1)))
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, list[0].err == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw KafkaError.make(code == RD_KAFKA_RESP_ERR_NO_ERROR ? list[0].err : code, topic: topic)
        }
        // Nothing is that late.
        return list[0].offset < 0 ? Int64(RD_KAFKA_OFFSET_END) : list[0].offset
    }
}
