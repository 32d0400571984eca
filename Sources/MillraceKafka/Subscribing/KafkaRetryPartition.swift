import CRdKafka
import Millrace
import MillraceTransportKit

/// A partition of a topic for retries: its first message is held until its delay is over, and what is behind it with it; all of them
/// have the same delay. On the consumer's loop.
final class KafkaRetryPartition: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    let partition: KafkaPartition
    let delay: Duration
    private let clock: any SchedulingClock
    private let queue: KafkaQueue
    private var held: UnsafeMutablePointer<rd_kafka_message_t>?
    /// When the time of what is held has come, in milliseconds since 1970.
    private var due: Int64 = 0
    /// When what is held was first seen.
    private var seen = ClockInstant(nanoseconds: 0)
    /// The latest time at which one was written that has come.
    private var latest: Int64?

    /// Reads the partition by itself. After librdkafka was told to read it.
    init?(
        _ partition: KafkaPartition, named topic: String, after delay: Duration, of handle: KafkaHandle, _ wake: LoopSignal,
        clock: any SchedulingClock
    ) {
        guard let queue = rd_kafka_queue_get_partition(handle.raw, topic, partition.number) else { return nil }
        rd_kafka_queue_forward(queue, nil)
        self.partition = partition
        self.delay = delay
        self.clock = clock
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

    /// The next message, if its time has come, and for how long it was held; otherwise how long that will be, if there is one.
    ///
    /// It is held no longer than the delay since it was seen, though the clock here may have been set back meanwhile.
    func take() -> (record: UnsafeMutablePointer<rd_kafka_message_t>?, waited: Duration, wait: Duration?) {
        let (now, instant) = (clock.unixMilliseconds, clock.now)
        if held == nil {
            if rd_kafka_consume_batch_queue(queue.raw, 0, &held, 1) < 1 { held = nil }
            if let held { (due, seen) = (written(held, at: now) + Int64(delay / .milliseconds(1)), instant) }
        }
        guard let record = held else { return (nil, .zero, nil) }
        let waited = seen.duration(to: instant)
        let wait = min(.milliseconds(due > now ? due - now : 0), delay - waited)
        guard wait <= .zero || record.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return (nil, waited, wait) }
        held = nil
        return (record, waited, nil)
    }
}
