import CRdKafka
import Millrace
import MillraceTransportKit

/// Follows the group's rebalances: looks up how far the group has got in partitions that come, and lets handlers finish with
/// partitions that go. On the consumer's loop.
final class KafkaRebalance: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone, but for `waits`.
    /// Partitions that go, once those who work on their messages are done.
    private struct Departure {
        let partitions: KafkaPartitions
        let numbers: Set<KafkaPartition>
        var timer: ScheduledTimer?
    }

    private unowned let consumer: KafkaConsumer
    private let start: KafkaStart
    private let options: KafkaOptions
    private let clock: any SchedulingClock
    private var departure: Departure?
    private let waits = Lock(false)

    init(_ consumer: KafkaConsumer, _ start: KafkaStart, _ options: KafkaOptions, _ clock: any SchedulingClock) {
        self.consumer = consumer
        self.start = start
        self.options = options
        self.clock = clock
    }

    /// Whether settlements are waited for. From any thread.
    var isWaiting: Bool { waits.withLock { $0 } }

    /// Takes note of a rebalance.
    func begin(_ event: OpaquePointer?) {
        guard let raw = rd_kafka_event_topic_partition_list(event) else { return }
        let partitions = KafkaPartitions(copying: raw)
        defer { consumer.rebalanceEnded() }
        if rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            consumer.handle.allowDestruction()
            assign(partitions)
        } else {
            depart(partitions)
        }
    }

    // MARK: Partitions that come

    private func assign(_ partitions: KafkaPartitions) {
        do {
            let starts = try committed(partitions)
            read(partitions, from: starts)
        } catch {
            consumer.reportLost(error as? MillraceError ?? MillraceError(.connectionFailed, "\(error)", isRetriable: true))
            // The coordinator may be moving. Librdkafka waits until it is told what to do with the partitions.
            consumer.loop.execute(after: .milliseconds(200), clock: clock) { [weak self, weak consumer] in
                guard let self, consumer != nil else { return }
                assign(partitions)
            }
        }
    }

    /// How far the group has got, and where it begins if it has not.
    private func committed(_ partitions: KafkaPartitions) throws -> [PartitionProgress] {
        let found = KafkaPartitions()
        for index in 0..<partitions.count {
            found.add(consumer.topics.name(of: partitions.partition(at: index, consumer.topics)), partitions[index].partition)
        }
        let timeout = options.connectTimeout
        if !found.isEmpty {
            let code = rd_kafka_committed(consumer.handle.raw, found.raw, Int32(timeout / .milliseconds(1)))
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError.make(code, topic: consumer.selection.text) }
        }
        return try (0..<found.count).map { index in
            let offset = found[index].offset
            if offset >= 0 { return PartitionProgress(from: offset, CommitNote(found.note(at: index), at: offset)) }
            let first = try start.offset(
                of: found.partition(at: index, consumer.topics), on: consumer, timeout: timeout)
            // Where a group has begun has to stay when another member takes over.
            return first >= 0 ? PartitionProgress(from: first, isDirty: true) : PartitionProgress(from: nil)
        }
    }

    private func read(_ partitions: KafkaPartitions, from starts: [PartitionProgress]) {
        let target = KafkaPartitions()
        let coming = partitions.partitions(consumer.topics)
        for (partition, progress) in zip(coming, starts) {
            consumer.progress.add(partition, progress)
            target.add(
                consumer.topics.name(of: partition), partition.number,
                offset: progress.low ?? Int64(RD_KAFKA_OFFSET_BEGINNING))
        }
        if isCooperative {
            rd_kafka_error_destroy(rd_kafka_incremental_assign(consumer.handle.raw, target.raw))
        } else {
            _ = rd_kafka_assign(consumer.handle.raw, target.raw)
        }
        for partition in coming { consumer.turnAside(partition) }
    }

    private var isCooperative: Bool {
        rd_kafka_rebalance_protocol(consumer.handle.raw).map { String(cString: $0) == "COOPERATIVE" } ?? false
    }

    /// Reads partitions without a group. What is `new` was made after the subscription, and is read from its beginning.
    func takeAll(_ partitions: [KafkaPartition], areNew: Bool = false) {
        guard !partitions.isEmpty else { return }
        let target = KafkaPartitions()
        for partition in partitions {
            let offset: Int64
            do {
                offset =
                    areNew
                    ? Int64(RD_KAFKA_OFFSET_BEGINNING)
                    : try start.offset(of: partition, on: consumer, timeout: options.connectTimeout)
            } catch {
                consumer.reportLost(error as? MillraceError ?? MillraceError(.connectionFailed, "\(error)", isRetriable: true))
                continue
            }
            consumer.progress.add(partition, PartitionProgress(from: offset >= 0 ? offset : nil))
            target.add(consumer.topics.name(of: partition), partition.number, offset: offset)
        }
        // Beside what is read already. Assigning all of them anew would stop those and start all later, when nobody turns them aside.
        if let error = rd_kafka_incremental_assign(consumer.handle.raw, target.raw) {
            consumer.reportLost(KafkaError.make(rd_kafka_error_code(error), topic: consumer.selection.text))
            rd_kafka_error_destroy(error)
        }
        for partition in target.partitions(consumer.topics) { consumer.turnAside(partition) }
    }

    // MARK: Partitions that go

    private func depart(_ partitions: KafkaPartitions) {
        let numbers = Set(partitions.partitions(consumer.topics))
        if rd_kafka_assignment_lost(consumer.handle.raw) != 0 {
            // They are somebody else's already: what is still worked on here is handed out there as well.
            consumer.withdraw(numbers)
            consumer.reportLost(Self.lost(numbers, of: consumer))
            for number in numbers { consumer.progress.remove(number) }
            return release(partitions)
        }
        consumer.withdraw(numbers)
        departure = Departure(partitions: partitions, numbers: numbers)
        departure?.timer = consumer.loop.execute(after: options.revokeTimeout, clock: clock) { [weak self] in
            self?.finish()
        }
        waits.withLock { $0 = true }
        look()
    }

    private static func lost(_ partitions: Set<KafkaPartition>, of consumer: KafkaConsumer) -> MillraceError {
        let list = partitions.map { "\($0.number) of '\(consumer.topics.name(of: $0))'" }.sorted().joined(separator: ", ")
        return MillraceError(
            .connectionFailed,
            "group '\(consumer.group ?? "")' has given away partitions \(list) without waiting:"
                + " what was acknowledged and not committed there is handed out again", isRetriable: true)
    }

    /// Lets the partitions go if nobody works on their messages any more.
    func look() {
        guard let departure, consumer.outCount(of: departure.numbers) == 0 else { return }
        finish()
    }

    private func finish() {
        guard let departure else { return }
        self.departure = nil
        departure.timer?.cancel()
        waits.withLock { $0 = false }
        if let error = consumer.commitNow() { consumer.reportLost(error) }
        for number in departure.numbers { consumer.progress.remove(number) }
        release(departure.partitions)
    }

    private func release(_ partitions: KafkaPartitions) {
        if isCooperative {
            rd_kafka_error_destroy(rd_kafka_incremental_unassign(consumer.handle.raw, partitions.raw))
        } else {
            _ = rd_kafka_assign(consumer.handle.raw, nil)
        }
    }
}
