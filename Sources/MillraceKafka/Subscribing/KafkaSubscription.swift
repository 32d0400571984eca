import Millrace
import MillraceTransportKit

/// A member of a topic's consumer group, or a reader of all its partitions.
///
/// With transactions, what is acknowledged by ``commit(_:acknowledging:)`` is committed with what is published; what is settled
/// otherwise is committed in a transaction of its own.
final class KafkaSubscription: TransactionalSubscription {
    let plan: KafkaPlan
    private let options: KafkaOptions
    private let producer: KafkaProducer
    private let catalog: KafkaCatalog
    private let consumer: KafkaConsumer
    private let buffer: DeliveryBuffer
    private let progress: KafkaProgress
    private let loop: EventLoop
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let transfers = Transfers()
    /// Deliveries whose transaction is under way.
    private let committing = Lock<Set<DeliveryToken>>([])
    private let closing = Closing()
    private let whenClosed: @Sendable () -> Void

    init(
        _ plan: KafkaPlan, _ transport: KafkaTransport, whenClosed: @escaping @Sendable () -> Void
    ) throws {
        self.plan = plan
        self.whenClosed = whenClosed
        options = transport.options
        producer = transport.producer
        catalog = transport.catalog
        clock = transport.clock
        observers = transport.observers
        loop = try EventLoop(name: "millrace-kafka")
        let (dirty, room) = (LoopSignal(loop), LoopSignal(loop))
        buffer = DeliveryBuffer(prefetch: plan.options.prefetch, ordered: plan.options.ordered, clock: clock) { room.fire() }
        progress = KafkaProgress { dirty.fire() }
        do {
            consumer = try KafkaConsumer(
                plan, options, buffer: buffer, progress: progress, transfers: transfers, loop: loop, clock: clock,
                observers: observers)
        } catch {
            loop.stop()
            throw error
        }
        dirty.action = { [weak consumer] in consumer?.commitSoon() }
        room.action = { [weak consumer] in consumer?.serve() }
        loop.execute { [consumer] in consumer.begin() }
        watchLeases()
    }

    deinit {
        let loop = loop
        consumer.stopFetching()
        loop.stop()
    }

    var topic: String { plan.selection.text }
    var group: String? { plan.group }
    var transactions: KafkaTransactions? { consumer.transactions }
    private var topics: KafkaTopicTable { plan.topics }
    private var retries: KafkaRetryTopics? { plan.retries }

    /// The cluster knows nothing of leases: members keep them by themselves.
    private func watchLeases() {
        clock.schedule(after: plan.options.lease / 4) { [weak self] in
            guard let self, !closing.hasBegun else { return }
            // Nobody else may get what is about to be done.
            buffer.renew(Array(committing.withLock { $0 }))
            for entry in buffer.expire(lease: plan.options.lease) {
                progress.note(attempts: entry.attempt - 1, at: entry.position)
                observers.report(
                    .warning,
                    .leaseExpired(topic: topic, group: group, position: entry.position, attempt: entry.attempt - 1))
            }
            watchLeases()
        }
    }

    // MARK: Pull

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        try await buffer.pull(into: &batch, upTo: limit, until: deadline)
    }

    func pause() { buffer.pause() }
    func resume() { buffer.resume() }

    /// What lies behind the last message read in each partition that is this member's, and what waits here.
    var lag: Int? { consumer.unread.map { $0 + buffer.waitingCount } }

    /// How many messages of each partition are not done.
    var partitionLags: [(topic: String, partition: Int32, lag: Int)] {
        consumer.undone.map { (topics.name(of: $0.partition), $0.partition.number, $0.count) }
    }

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        let (_, ignored) = buffer.finish(tokens) { progress.finish($0) }
        consumer.noteSettled()
        if ignored > 0 { reportIgnored(ignored) }
    }

    func commit(_ outputs: [TopicMessages], acknowledging tokens: [DeliveryToken]) async throws {
        for output in outputs {
            try KafkaSelection.check(output.topic)
            for message in output.messages { try Naming.check(message) }
            try await catalog.makeSure(of: output.topic)
        }
        guard plan.transactional != nil else {
            throw MillraceError(
                .invalidState, "topic '\(topic)': the subscription was opened without transactions", isRetriable: false)
        }
        committing.withLock { $0.formUnion(tokens) }
        defer { committing.withLock { $0.subtract(tokens) } }
        let positions = buffer.positions(of: tokens)
        guard positions.count == tokens.count else {
            throw MillraceError(
                .invalidState, "topic '\(topic)': \(tokens.count - positions.count) of \(tokens.count) deliveries are over",
                isRetriable: true)
        }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            consumer.commit(outputs, finishing: positions) { continuation.resume(with: $0.mapError { $0 as any Error }) }
        }
        _ = buffer.finish(tokens)
        consumer.noteSettled()
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge: return acknowledge([token])
        case .retry(let delay) where retries != nil && write(token, toBeRetriedAfter: delay): break
        case .release, .retry:
            let position = buffer.positions(of: [token]).first
            guard takeBack(token, settlement) else { return reportIgnored(1) }
            if let position { withdrawIfGone(position) }
        case .reject(let reason):
            guard let entry = take(token) else { return reportIgnored(1) }
            bury(entry, reason)
        }
        consumer.noteSettled()
    }

    /// Ends a delivery whose message goes to another topic.
    private func take(_ token: DeliveryToken) -> DeliveryBuffer.Entry? {
        buffer.remove(token) { transfers.begin($0.position) }
    }

    /// Writes a message to the topic for retries after such a delay. False when it is to be held here.
    private func write(_ token: DeliveryToken, toBeRetriedAfter delay: Duration) -> Bool {
        guard let retries, let position = buffer.positions(of: [token]).first,
            let target = retries.topic(after: delay, of: topics.name(of: KafkaPartition(of: position)))
        else { return false }
        guard var entry = take(token) else { return false }
        let letter = retries.letter(of: entry, after: delay, now: clock.unixMilliseconds)
        entry.attempt += 1
        transfer(entry, letter, to: target)
        return true
    }

    /// The delivery comes back, at once or later. False when it had been settled before.
    private func takeBack(_ token: DeliveryToken, _ settlement: Settlement) -> Bool {
        guard case .retry(let delay) = settlement else { return buffer.release(token) }
        return buffer.retry(token, after: delay) { [progress] in progress.note(attempts: $0.attempt - 1, at: $0.position) }
    }

    /// A partition that is another member's by now gets nothing back.
    private func withdrawIfGone(_ position: Position) {
        guard !progress.reads(position) else { return }
        _ = buffer.withdraw { $0 == position }
    }

    /// Sends a message that was given up to the dead letters.
    private func bury(_ entry: DeliveryBuffer.Entry, _ reason: String) {
        let name = topics.name(of: KafkaPartition(of: entry.position))
        let topic = retries?.base(of: name) ?? name
        guard case .topicSuffix(let suffix) = options.deadLetters else {
            observers.report(.warning, .messagesDropped(topic: topic, count: 1, reason: reason))
            progress.finish([entry.position])
            return transfers.end(entry.position)
        }
        let letter = DeadLetter(
            rejected: entry.message, reason: reason, topic: topic, group: group, transport: "kafka",
            attempts: entry.attempt, at: clock.unixMilliseconds)
        transfer(entry, letter.letter, to: topic + suffix)
    }

    /// Writes a message to another topic; it is done when it is there, and otherwise comes again.
    private func transfer(_ entry: DeliveryBuffer.Entry, _ letter: Message, to topic: String) {
        let isTransactional = plan.transactional != nil
        let whenKnown: @Sendable (Result<Void, any Error>) -> Void = { [self] result in
            switch result {
            case .success: if !isTransactional { progress.finish([entry.position]) }
            case .failure(let error):
                observers.report(.error, .disconnected(transport: "kafka", error: error))
                buffer.restore(entry)
                withdrawIfGone(entry.position)
            }
            transfers.end(entry.position)
            consumer.noteSettled()
        }
        guard isTransactional else { return producer.send(letter, to: topic, whenKnown) }
        consumer.commit([TopicMessages([letter], to: topic)], finishing: [entry.position]) { result in
            whenKnown(result.mapError { $0 as any Error })
        }
    }

    func renew(_ tokens: [DeliveryToken]) { buffer.renew(tokens) }

    private func reportIgnored(_ count: Int) {
        observers.reportIgnored(count, of: self, isClosed: closing.hasBegun)
    }

    // MARK: End

    func stopFetching() {
        buffer.stop()
        consumer.stopFetching()
    }

    func flush() async throws {
        await transfers.finish()
        try await consumer.flush()
    }

    func close() async {
        await closing.run {
            stopFetching()
            let (held, delayed) = buffer.close()
            for entry in held + delayed.map(\.entry) { progress.note(attempts: entry.attempt - 1, at: entry.position) }
            do {
                try await flush()
            } catch {
                // It is handed out again, which is all that can be done without the cluster.
                observers.report(.warning, .disconnected(transport: "kafka", error: error))
            }
            await consumer.close()
            loop.stop()
            whenClosed()
        }
    }
}
