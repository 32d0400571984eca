import CRdKafka
import Millrace
import MillraceTransportKit

/// Reads a consumer's topics for retries, each message when its time has come. On the consumer's loop.
final class KafkaRetryReader: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    private unowned let consumer: KafkaConsumer
    private let retries: KafkaRetryTopics
    private let clock: any SchedulingClock
    private var partitions: [KafkaRetryPartition] = []
    private var timer: ScheduledTimer?

    init(_ consumer: KafkaConsumer, _ retries: KafkaRetryTopics, _ clock: any SchedulingClock) {
        self.consumer = consumer
        self.retries = retries
        self.clock = clock
    }

    /// Takes over a partition that librdkafka reads, if it is one of a topic for retries.
    func add(_ partition: KafkaPartition) -> Bool {
        let topic = consumer.topics.name(of: partition)
        guard let delay = retries.delay(of: topic) else { return false }
        guard !partitions.contains(where: { $0.partition == partition }),
            let added = KafkaRetryPartition(
                partition, named: topic, after: delay, of: consumer.handle, consumer.wake, clock: clock)
        else { return true }
        partitions.append(added)
        return true
    }

    func remove(_ gone: Set<KafkaPartition>) { partitions.removeAll { gone.contains($0.partition) } }

    /// Hands on whatever is due, as long as there is room for it.
    func serve(_ buffer: DeliveryBuffer) {
        guard !partitions.isEmpty else { return }
        timer?.cancel()
        timer = nil
        var next: Duration?
        for partition in partitions {
            while buffer.room() > 0 {
                let (record, waited, wait) = partition.take()
                if let wait { next = min(wait, next ?? wait) }
                guard let record else { break }
                defer { rd_kafka_message_destroy(record) }
                deliver(record, of: partition, after: waited, to: buffer)
            }
        }
        guard let next else { return }
        timer = consumer.loop.execute(after: next, clock: clock) { [weak consumer] in consumer?.serve() }
    }

    private func deliver(
        _ record: UnsafeMutablePointer<rd_kafka_message_t>, of source: KafkaRetryPartition, after waited: Duration,
        to buffer: DeliveryBuffer
    ) {
        let partition = source.partition
        let topic = consumer.topics.name(of: partition)
        guard record.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return consumer.note(record.pointee.err, topic) }
        let position = partition.position(at: record.pointee.offset)
        var arrival: Int?
        consumer.arrive(1, partition: { _ in partition }, offset: { _ in record.pointee.offset }) { arrival = $1 }
        guard let attempt = arrival else { return }
        var message = consumer.message(of: record, retries.base(of: topic))
        guard let letter = retries.open(&message) else { return consumer.progress.finish([position]) }
        let entry = DeliveryBuffer.Entry(message: message, attempt: letter.attempt + attempt - 1, position: position)
        let wait = letter.wait(now: clock.unixMilliseconds, waited: waited, usual: source.delay)
        guard wait > .zero else { return buffer.arrive([entry]) }
        buffer.arrive(entry, after: wait)
    }
}
