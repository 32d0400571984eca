import Millrace

/// A member of a topic's consumer group, or a reader of all its partitions.
final class KafkaSubscription: Subscription {
    private struct State {
        var burials = 0
        var buried: [Signal] = []
        var isClosed = false
    }

    let topic: String
    let group: String?
    private let topics: KafkaTopicTable
    private let options: KafkaOptions
    private let lease: Duration
    private let producer: KafkaProducer
    private let consumer: KafkaConsumer
    private let buffer: DeliveryBuffer
    private let progress: KafkaProgress
    private let loop: EventLoop
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let state = Lock(State())
    private let hasClosed = Signal()

    init(
        _ transport: KafkaTransport, to selection: KafkaSelection, _ topics: KafkaTopicTable,
        _ subscription: SubscriptionOptions, start: KafkaStart, partitions: [KafkaPartition]
    ) throws {
        topic = selection.text
        self.topics = topics
        group = subscription.group
        options = transport.options
        lease = subscription.lease
        producer = transport.producer
        clock = transport.clock
        observers = transport.observers
        loop = try EventLoop(name: "millrace-kafka")
        let (dirty, room) = (LoopSignal(loop), LoopSignal(loop))
        buffer = DeliveryBuffer(prefetch: subscription.prefetch, ordered: subscription.ordered, clock: clock) { room.fire() }
        progress = KafkaProgress { dirty.fire() }
        do {
            consumer = try KafkaConsumer(
                selection, topics, group: subscription.group, transport.options, start: start, buffer: buffer,
                progress: progress, loop: loop, clock: clock, observers: observers)
        } catch {
            loop.stop()
            throw error
        }
        dirty.action = { [weak consumer] in consumer?.commitSoon() }
        room.action = { [weak consumer] in consumer?.serve() }
        loop.execute { [consumer] in consumer.begin(partitions) }
        watchLeases()
    }

    deinit {
        let loop = loop
        consumer.stopFetching()
        loop.stop()
    }

    /// The cluster knows nothing of leases: members keep them by themselves.
    private func watchLeases() {
        clock.schedule(after: lease / 4) { [weak self] in
            guard let self, !state.withLock({ $0.isClosed }) else { return }
            for entry in buffer.expire(lease: lease) {
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

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        let (_, ignored) = buffer.finish(tokens) { progress.finish($0) }
        consumer.noteSettled()
        if ignored > 0 { reportIgnored(ignored) }
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge: return acknowledge([token])
        case .release, .retry:
            let position = buffer.positions(of: [token]).first
            guard takeBack(token, settlement) else { return reportIgnored(1) }
            if let position { withdrawIfGone(position) }
        case .reject(let reason):
            guard let entry = buffer.remove(token, { _ in state.withLock { $0.burials += 1 } }) else { return reportIgnored(1) }
            bury(entry, reason)
        }
        consumer.noteSettled()
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

    /// Sends a message that was given up to the dead letters; it is done when it is there.
    private func bury(_ entry: DeliveryBuffer.Entry, _ reason: String) {
        let topic = topics.name(of: KafkaPartition(of: entry.position))
        guard case .topicSuffix(let suffix) = options.deadLetters else {
            observers.report(.warning, .messagesDropped(topic: topic, count: 1, reason: reason))
            progress.finish([entry.position])
            return burialEnded()
        }
        let letter = DeadLetter(
            rejected: entry.message, reason: reason, topic: topic, group: group, transport: "kafka",
            attempts: entry.attempt, at: clock.unixMilliseconds)
        producer.send(letter.letter, to: topic + suffix) { [self] result in
            switch result {
            case .success: progress.finish([entry.position])
            case .failure(let error):
                observers.report(.error, .disconnected(transport: "kafka", error: error))
                buffer.restore(entry)
            }
            burialEnded()
        }
    }

    private func burialEnded() {
        let signals = state.withLock { state -> [Signal] in
            state.burials -= 1
            guard state.burials == 0 else { return [] }
            defer { state.buried = [] }
            return state.buried
        }
        for signal in signals { signal.fire() }
    }

    func renew(_ tokens: [DeliveryToken]) { buffer.renew(tokens) }

    private func reportIgnored(_ count: Int) {
        observers.reportIgnored(count, of: self, isClosed: state.withLock { $0.isClosed })
    }

    // MARK: End

    func stopFetching() {
        buffer.stop()
        consumer.stopFetching()
    }

    func flush() async throws {
        let done = Signal()
        let mustWait = state.withLock { state in
            if state.burials > 0 { state.buried.append(done) }
            return state.burials > 0
        }
        if mustWait { await done.waitUncancellably() }
        try await consumer.flush()
    }

    func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return await hasClosed.waitUncancellably() }
        defer { hasClosed.fire() }
        stopFetching()
        let (held, delayed) = buffer.close()
        for entry in held + delayed.map(\.entry) { progress.note(attempts: entry.attempt - 1, at: entry.position) }
        // What can't be committed is handed out again, which is all that can be done without the cluster.
        try? await flush()
        await consumer.close()
        loop.stop()
    }
}
