import CRdKafka
import Millrace

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
            let added = KafkaRetryPartition(partition, named: topic, after: delay, of: consumer.handle, consumer.wake)
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
        var next: Int64?
        for partition in partitions {
            while buffer.room() > 0 {
                let (record, due) = partition.take(now: clock.unixMilliseconds)
                if let due { next = min(due, next ?? due) }
                guard let record else { break }
                defer { rd_kafka_message_destroy(record) }
                deliver(record, partition.partition, to: buffer)
            }
        }
        guard let next else { return }
        let wait = Duration.milliseconds(max(0, next - clock.unixMilliseconds))
        timer = consumer.loop.execute(after: wait, clock: clock) { [weak consumer] in consumer?.serve() }
    }

    private func deliver(
        _ record: UnsafeMutablePointer<rd_kafka_message_t>, _ partition: KafkaPartition, to buffer: DeliveryBuffer
    ) {
        let topic = consumer.topics.name(of: partition)
        guard record.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return consumer.note(record.pointee.err, topic) }
        let position = partition.position(at: record.pointee.offset)
        var arrival: Int?
        consumer.arrive(1, partition: { _ in partition }, offset: { _ in record.pointee.offset }) { arrival = $1 }
        guard let attempt = arrival else { return }
        var message = consumer.message(of: record, retries.base(of: topic))
        guard let letter = retries.open(&message) else { return consumer.progress.finish([position]) }
        let entry = DeliveryBuffer.Entry(message: message, attempt: letter.attempt + attempt - 1, position: position)
        let now = clock.unixMilliseconds
        guard letter.retryAt > now else { return buffer.arrive([entry]) }
        buffer.arrive(entry, after: .milliseconds(letter.retryAt - now))
    }
}
