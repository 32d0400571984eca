import CRdKafka
import Millrace

/// A partition of a topic for retries: its first message is held until its delay is over, and what is behind it with it; all of them
/// have the same delay. On the consumer's loop.
final class KafkaRetryPartition: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    let partition: KafkaPartition
    private let delay: Duration
    private let queue: KafkaQueue
    private var held: UnsafeMutablePointer<rd_kafka_message_t>?
    /// When the time of what is held has come, in milliseconds since 1970.
    private var due: Int64 = 0
    /// The latest time at which one was written that has come.
    private var latest: Int64?

    /// Reads the partition by itself. After librdkafka was told to read it.
    init?(_ partition: KafkaPartition, named topic: String, after delay: Duration, of handle: KafkaHandle, _ wake: LoopSignal) {
        guard let queue = rd_kafka_queue_get_partition(handle.raw, topic, partition.number) else { return nil }
        rd_kafka_queue_forward(queue, nil)
        self.partition = partition
        self.delay = delay
        self.queue = KafkaQueue(queue, of: handle, wake)
    }

    deinit { if let held { rd_kafka_message_destroy(held) } }

    /// When a message was written, in milliseconds since 1970. That is what whoever wrote it says: one from the future was written when
    /// the one before it was, and holds up nothing.
    private func written(_ record: UnsafeMutablePointer<rd_kafka_message_t>, at now: Int64) -> Int64 {
        let time = rd_kafka_message_timestamp(record, nil)
        let written = time <= now ? time : latest ?? now
        latest = max(written, latest ?? written)
        return written
    }

    /// The next message, if its time has come; otherwise when that is, if there is one.
    func take(now: Int64) -> (record: UnsafeMutablePointer<rd_kafka_message_t>?, due: Int64?) {
        if held == nil {
            if rd_kafka_consume_batch_queue(queue.raw, 0, &held, 1) < 1 { held = nil }
            if let held { due = written(held, at: now) + Int64(delay / .milliseconds(1)) }
        }
        guard let record = held else { return (nil, nil) }
        guard due <= now || record.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return (nil, due) }
        held = nil
        return (record, nil)
    }
}
