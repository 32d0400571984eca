import CRdKafka
import Millrace
import MillraceTransportKit

/// A consumer of librdkafka on an event loop of its own: takes messages in batches while there is room for them, follows the
/// group's rebalances, and commits.
///
/// Messages come through a queue of their own, which is left alone while the buffer is full; what keeps the membership alive comes
/// through another one and is always served. So handlers may take as long as they like.
final class KafkaConsumer: @unchecked Sendable {
    // Safe to share: what is not guarded by a lock of its own is used on the loop's thread alone.
    private static let batch = 1_024

    let handle: KafkaHandle
    let loop: EventLoop
    private let plan: KafkaPlan
    private let options: KafkaOptions
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let buffer: DeliveryBuffer
    let progress: KafkaProgress
    private let transfers: Transfers
    private let link: KafkaLink
    /// Has the loop look after what has come.
    let wake: LoopSignal
    let events: KafkaQueue
    private let fetched: KafkaQueue
    private let records: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    let transactions: KafkaTransactions?
    private let joinWatch: KafkaJoinWatch?
    private lazy var commits = KafkaCommits(self, progress, options, clock, transactions, joinWatch)
    private lazy var retryReader = plan.retries.map { KafkaRetryReader(self, $0, clock) }
    private lazy var rebalance = KafkaRebalance(self, plan.start, options, clock)
    private var isStopped = false
    private var heartbeat: ScheduledTimer?

    init(
        _ plan: KafkaPlan, _ options: KafkaOptions, buffer: DeliveryBuffer, progress: KafkaProgress,
        transfers: Transfers, loop: EventLoop, clock: any SchedulingClock, observers: AttachableObservers
    ) throws {
        self.plan = plan
        self.options = options
        self.buffer = buffer
        self.progress = progress
        self.transfers = transfers
        self.loop = loop
        self.clock = clock
        self.observers = observers
        link = KafkaLink(observers)
        // Librdkafka wants a group, even from those who do not join it.
        let properties = options.consumerProperties(
            group: plan.group ?? "millrace-\(MessageID.next())", isMember: plan.group != nil)
        handle = try KafkaHandle(
            RD_KAFKA_CONSUMER, properties,
            events: RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR)
        rd_kafka_poll_set_consumer(handle.raw)
        guard let main = rd_kafka_queue_get_consumer(handle.raw), let own = rd_kafka_queue_new(handle.raw) else {
            throw MillraceError(.invalidState, "librdkafka has no queue for the consumer", isRetriable: false)
        }
        wake = LoopSignal(loop)
        joinWatch = plan.group == nil ? nil : KafkaJoinWatch(handle, options, wake)
        events = KafkaQueue(main, of: handle, wake)
        fetched = KafkaQueue(own, of: handle, wake)
        transactions = plan.transactional.map { [handle, buffer] in
            KafkaTransactions(
                $0, options, progress: progress, topics: plan.topics, of: handle, observers: observers
            ) { buffer.lose($0) }
        }
        records = .allocate(capacity: Self.batch)
        // Now, before threads are there that both could be made by.
        _ = (commits, rebalance, retryReader)
        wake.action = { [weak self] in self?.serve() }
    }

    deinit { records.deallocate() }

    var selection: KafkaSelection { plan.selection }
    var topics: KafkaTopicTable { plan.topics }
    var group: String? { plan.group }

    // MARK: Begin

    /// Joins the group, or takes all partitions without one.
    func begin() {
        if group == nil {
            handle.allowDestruction()
            rebalance.takeAll(plan.partitions)
            lookForPartitions()
        } else {
            let list = KafkaPartitions()
            for name in selection.isPattern ? [selection.text] : selection.names + (plan.retries?.names ?? []) {
                list.add(name, -1)
            }
            let code = rd_kafka_subscribe(handle.raw, list.raw)
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { buffer.lose(KafkaError.make(code, topic: selection.text)) }
        }
        beat()
    }

    /// Librdkafka gives up a member whose queue nobody looks at for `max.poll.interval.ms`.
    private func beat() {
        heartbeat = loop.execute(after: .seconds(1), clock: clock) { [weak self] in
            guard let self, !isStopped else { return }
            serve()
            beat()
        }
    }

    /// Without a group nobody says when a topic gets more partitions.
    private func lookForPartitions() {
        loop.execute(after: .seconds(10), clock: clock) { [weak self] in
            guard let self, !isStopped else { return }
            let cluster = KafkaTopics(handle: handle, options: options)
            KafkaThread.run { [weak self, selection, topics] in
                let found = ((try? cluster.partitions(of: selection, making: cluster.options.newTopics)) ?? []).flatMap { found in
                    found.numbers.map { KafkaPartition($0, ofTopic: topics.number(of: found.topic)) }
                }
                self?.loop.execute { [weak self] in
                    guard let self, !isStopped else { return }
                    let known = progress.partitions
                    // Those that are new hold nothing that came before the subscription.
                    rebalance.takeAll(found.filter { !known.contains($0) }, areNew: true)
                    lookForPartitions()
                }
            }
        }
    }

    // MARK: Serve

    /// Looks after whatever has come.
    func serve() {
        while let event = rd_kafka_queue_poll(events.raw, 0) {
            defer { rd_kafka_event_destroy(event) }
            switch rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_REBALANCE: rebalance.begin(event)
            case RD_KAFKA_EVENT_OFFSET_COMMIT: commits.ended(event)
            case RD_KAFKA_EVENT_ERROR: note(event)
            case RD_KAFKA_EVENT_FETCH:
                // From before the partition's queue was turned aside.
                while let record = rd_kafka_event_message_next(event) { deliver([UnsafeMutablePointer(mutating: record)]) }
            default: break
            }
        }
        commits.followJoining()
        fetch()
        if !isStopped { retryReader?.serve(buffer) }
    }

    private func note(_ event: OpaquePointer?) {
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event) != 0 else { return link.note(event) }
        let text = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? KafkaError.name(code)
        // Another member has taken over this one's name, for example. A new subscription may do better.
        buffer.lose(MillraceError(.connectionFailed, "topic '\(selection.text)': \(text)", isRetriable: true))
    }

    /// Takes messages as long as there is room for them.
    private func fetch() {
        while !isStopped {
            let room = min(buffer.room(), Self.batch)
            guard room > 0 else { return }
            let count = rd_kafka_consume_batch_queue(fetched.raw, 0, records, room)
            guard count > 0 else { return }
            let batch = UnsafeBufferPointer(start: records, count: count)
            deliver(batch.compactMap { $0 })
            for record in batch { rd_kafka_message_destroy(record) }
        }
    }

    private func deliver(_ records: [UnsafeMutablePointer<rd_kafka_message_t>]) {
        var arrived: [(record: UnsafeMutablePointer<rd_kafka_message_t>, partition: KafkaPartition)] = []
        arrived.reserveCapacity(records.count)
        var names = KafkaTopicLookup(topics)
        for record in records {
            let topic = names.number(of: record.pointee.rkt)
            if record.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                arrived.append((record, KafkaPartition(record.pointee.partition, ofTopic: topic)))
            } else {
                note(record.pointee.err, topics.name(of: topic))
            }
        }
        var fresh: [(index: Int, attempt: Int)] = []
        fresh.reserveCapacity(arrived.count)
        arrive(arrived.count, partition: { arrived[$0].partition }, offset: { arrived[$0].record.pointee.offset }) {
            fresh.append(($0, $1))
        }
        guard !fresh.isEmpty else { return }
        let entries = fresh.map { index, attempt in
            let (record, partition) = arrived[index]
            return DeliveryBuffer.Entry(
                message: message(of: record, names.name(of: record.pointee.rkt)), attempt: attempt,
                position: partition.position(at: record.pointee.offset))
        }
        link.noteSuccess()
        buffer.arrive(entries)
    }

    /// Has the progress take note of messages. Calls `body` with the index of each that is to be handed out, and the number of its
    /// attempt.
    func arrive(
        _ count: Int, partition: (Int) -> KafkaPartition, offset: (Int) -> Int64, _ body: (_ index: Int, _ attempt: Int) -> Void
    ) {
        let resets = progress.arrive(count, partition: partition, offset: offset, end: { end(of: $0) }, body)
        for reset in resets {
            observers.report(
                .warning,
                .positionReset(
                    topic: topics.name(of: reset.partition), group: plan.group,
                    from: reset.partition.position(at: reset.from), to: reset.partition.position(at: reset.to)))
        }
    }

    /// The message of a record, which was published to `topic`.
    func message(of record: UnsafeMutablePointer<rd_kafka_message_t>, _ topic: String) -> Message {
        var message = KafkaLayout.decode(record, topic: topic, receivesTimestamps: options.receivesTimestamps)
        if selection.isMany { message.metadata[MetadataKey.topic] = topic }
        return message
    }

    /// Takes note of what comes in the place of a message.
    func note(_ code: rd_kafka_resp_err_t, _ topic: String) {
        let error = KafkaError.make(code, topic: topic)
        guard error.isRetriable else { return buffer.lose(error) }
        observers.report(.warning, .disconnected(transport: "kafka", error: error))
    }

    /// Turns a partition's messages aside into the queue that may wait. After librdkafka was told to read it.
    func turnAside(_ partition: KafkaPartition) {
        guard retryReader?.add(partition) != true else { return }
        guard let queue = rd_kafka_queue_get_partition(handle.raw, topics.name(of: partition), partition.number) else { return }
        rd_kafka_queue_forward(queue, fetched.raw)
        rd_kafka_queue_destroy(queue)
    }

    /// How many messages lie behind the last one that was read, as of the last answer of the brokers; nil when none has said.
    var unread: Int? {
        let counts = progress.next.compactMap { partition, offset in count(of: partition, from: offset) }
        return counts.isEmpty ? nil : counts.reduce(0, +)
    }

    /// How many messages of each partition are not done, from the first of them on, as of the last answer of the brokers.
    var undone: [(partition: KafkaPartition, count: Int)] {
        progress.low.compactMap { partition, offset in count(of: partition, from: offset).map { (partition, $0) } }
    }

    private func count(of partition: KafkaPartition, from offset: Int64) -> Int? {
        end(of: partition).map { Int(messages: $0 - offset) }
    }

    /// How far a partition goes, as of the last answer of the brokers; nil when none has said.
    private func end(of partition: KafkaPartition) -> Int64? {
        var (low, high): (Int64, Int64) = (0, 0)
        let topic = topics.name(of: partition)
        let code = rd_kafka_get_watermark_offsets(handle.raw, topic, partition.number, &low, &high)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
    }

    // MARK: Settlements

    /// Deliveries have ended: what was waited for may be over. From any thread.
    func noteSettled() {
        if rebalance.isWaiting { loop.execute { [self] in rebalance.look() } }
    }

    /// Publishes and finishes messages in one transaction. From any thread. See `TransactionCall`.
    func commit(
        _ outputs: [TopicMessages], finishing positions: [Position],
        _ whenKnown: @escaping @Sendable (Result<Void, MillraceError>) -> Void
    ) {
        transactions?.submit(TransactionCall(outputs: outputs, positions: positions, whenKnown: whenKnown))
    }

    /// There is something to commit. On the loop.
    func commitSoon() { loop.execute(after: options.commitInterval, clock: clock) { [weak self] in self?.commits.send() } }

    /// Commits what there is and waits until the group's coordinator has it.
    func flush() async throws { try await commits.flush() }

    /// What is unsettled with readers in partitions, or on its way to another topic.
    func outCount(of partitions: Set<KafkaPartition>) -> Int {
        buffer.outCount { partitions.contains(KafkaPartition(of: $0)) }
            + transfers.count { partitions.contains(KafkaPartition(of: $0)) }
    }

    /// Takes out what waits here of partitions that others read from now on.
    func withdraw(_ partitions: Set<KafkaPartition>) {
        progress.leave(partitions)
        retryReader?.remove(partitions)
        _ = buffer.withdraw { partitions.contains(KafkaPartition(of: $0)) }
    }

    /// What this member has was settled anew.
    func rebalanceEnded() { commits.rebalanceEnded() }

    /// Commits before partitions go, and waits for it a little.
    func commitNow() -> MillraceError? { commits.sendAndWait() }

    func reportLost(_ error: MillraceError) { observers.report(.warning, .disconnected(transport: "kafka", error: error)) }

    // MARK: End

    func stopFetching() {
        loop.execute { [self] in isStopped = true }
    }

    /// Leaves the group and ends. What has to be committed was.
    func close() async {
        let closed = Signal()
        loop.execute { [self] in
            isStopped = true
            heartbeat?.cancel()
            awaitAssignment(closed, until: SystemClock.shared.now.advanced(by: options.connectTimeout))
        }
        await closed.waitUncancellably()
    }

    private func awaitAssignment(_ closed: Signal, until deadline: ClockInstant) {
        serve()
        if handle.mustWaitForAssignment, SystemClock.shared.now < deadline {
            loop.execute(after: .milliseconds(5), clock: SystemClock.shared) { [self] in
                awaitAssignment(closed, until: deadline)
            }
            return
        }
        if group == nil || rd_kafka_consumer_close_queue(handle.raw, events.raw) != nil { return closed.fire() }
        awaitClosed(closed, until: SystemClock.shared.now.advanced(by: options.connectTimeout))
    }

    private func awaitClosed(_ closed: Signal, until deadline: ClockInstant) {
        serve()
        guard rd_kafka_consumer_closed(handle.raw) == 0, SystemClock.shared.now < deadline else { return closed.fire() }
        loop.execute(after: .milliseconds(2), clock: SystemClock.shared) { [self] in awaitClosed(closed, until: deadline) }
    }
}
