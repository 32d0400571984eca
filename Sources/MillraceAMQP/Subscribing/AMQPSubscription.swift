import Millrace

/// A member of a topic's consumer group, or a reader with a queue of its own.
final class AMQPSubscription: Subscription {
    private struct State {
        /// Messages that are on their way back to the broker.
        var moves = 0
        var moved: [Signal] = []
        var isClosed = false
    }

    let topic: String
    let group: String?
    private let options: AMQPOptions
    private let lease: Duration
    private let publisher: AMQPPublisher
    private let consumer: AMQPConsumer
    private let retries: AMQPRetries
    private let buffer: DeliveryBuffer
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let state = Lock(State())
    private let hasClosed = Signal()

    init(_ transport: AMQPTransport, topic: String, _ subscription: SubscriptionOptions, _ queue: AMQPQueue) {
        self.topic = topic
        group = subscription.group
        options = transport.options
        lease = subscription.lease
        publisher = transport.publisher
        clock = transport.clock
        observers = transport.observers
        retries = AMQPRetries(topic: topic, queue: queue.name, transport.options, transport.publisher)
        let room = LoopSignal(transport.consuming.loop)
        buffer = DeliveryBuffer(prefetch: subscription.prefetch, ordered: subscription.ordered, clock: clock) { room.fire() }
        consumer = AMQPConsumer(
            queue, topic: topic, subscription, transport.options, connection: transport.consuming,
            declarer: transport.declarer, buffer: buffer, observers: transport.observers, random: transport.random)
        room.action = { [weak consumer] in consumer?.noteRoom() }
        watchLeases()
    }

    deinit { consumer.abandon() }

    func start() async throws { try await consumer.start() }

    /// The broker knows nothing of leases: members keep them by themselves.
    private func watchLeases() {
        clock.schedule(after: lease / 4) { [weak self] in
            guard let self, !state.withLock({ $0.isClosed }) else { return }
            expireLeases()
            watchLeases()
        }
    }

    private func expireLeases() {
        if consumer.keepsRetries {
            // Only here it keeps its place.
            for entry in buffer.expire(lease: lease) { reportExpired(entry, attempt: entry.attempt - 1) }
            return
        }
        var expired: [DeliveryBuffer.Entry] = []
        buffer.withdrawExpired(lease: lease, mustRest: { false }) { entries, _ in
            expired = entries
            state.withLock { $0.moves += entries.count }
        }
        for entry in expired {
            reportExpired(entry, attempt: entry.attempt)
            sendBack(entry, after: .zero)
        }
    }

    private func reportExpired(_ entry: DeliveryBuffer.Entry, attempt: Int) {
        observers.report(.warning, .leaseExpired(topic: topic, group: group, position: entry.position, attempt: attempt))
    }

    // MARK: Pull

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        try await buffer.pull(into: &batch, upTo: limit, until: deadline)
    }

    func pause() { buffer.pause() }
    func resume() { buffer.resume() }

    /// What waits in the queue, as of a few seconds ago, and what waits here.
    var lag: Int? { consumer.queueLength.map { $0 + buffer.waitingCount } }

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        let (positions, ignored) = buffer.finish(tokens)
        if !positions.isEmpty { consumer.finish(positions) }
        if ignored > 0 { reportIgnored(ignored) }
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge: acknowledge([token])
        case .release: if !buffer.release(token) { reportIgnored(1) }
        case .retry(let delay): retry(token, after: delay)
        case .reject(let reason):
            guard let entry = remove(token) else { return reportIgnored(1) }
            bury(entry, reason)
        }
    }

    /// Takes a delivery out whose message is about to be moved.
    private func remove(_ token: DeliveryToken) -> DeliveryBuffer.Entry? {
        buffer.remove(token) { _ in state.withLock { $0.moves += 1 } }
    }

    private func retry(_ token: DeliveryToken, after asked: Duration) {
        guard consumer.keepsRetries else {
            guard let entry = remove(token) else { return reportIgnored(1) }
            return sendBack(entry, after: AMQPRetryDelays.delay(asked, attempt: entry.attempt))
        }
        // By way of the broker it would lose its place before later ones of its key.
        guard let (position, attempt) = buffer.delivery(of: token) else { return reportIgnored(1) }
        consumer.note(position, isDelayed: true)
        let found = buffer.retry(token, after: AMQPRetryDelays.delay(asked, attempt: attempt)) { [consumer] _ in
            consumer.note(position, isDelayed: false)
        }
        guard !found else { return }
        consumer.note(position, isDelayed: false)
        reportIgnored(1)
    }

    /// Publishes a message anew for its next attempt, and acknowledges the old one when the broker has the new one.
    private func sendBack(_ entry: DeliveryBuffer.Entry, after delay: Duration) {
        retries.send(entry.message, attempt: entry.attempt + 1, after: delay) { [self] result in
            switch result {
            case .success: consumer.finish([entry.position])
            case .failure(let error):
                observers.report(.error, .disconnected(transport: "amqp", error: error))
                var entry = entry
                entry.attempt += 1
                keep(entry, for: delay)
            }
            moveEnded()
        }
    }

    /// The broker did not take a message back: it stays here for as long as it was to stay away.
    private func keep(_ entry: DeliveryBuffer.Entry, for delay: Duration) {
        consumer.note(entry.position, isDelayed: true)
        clock.schedule(after: max(delay, .milliseconds(100))) { [buffer, consumer] in
            consumer.note(entry.position, isDelayed: false)
            buffer.restore(entry)
        }
    }

    private func bury(_ entry: DeliveryBuffer.Entry, _ reason: String) {
        switch options.deadLetters {
        case .drop:
            observers.report(.warning, .messagesDropped(topic: topic, count: 1, reason: reason))
            consumer.finish([entry.position])
            moveEnded()
        case .broker:
            consumer.reject(entry.position)
            moveEnded()
        case .topicSuffix(let suffix):
            let letter = DeadLetter(
                rejected: entry.message, reason: reason, topic: topic, group: group, transport: "amqp",
                attempts: entry.attempt, at: clock.unixMilliseconds)
            publisher.sendLetter(letter.letter, to: topic + suffix) { [self] result in
                switch result {
                case .success: consumer.finish([entry.position])
                case .failure(let error):
                    observers.report(.error, .disconnected(transport: "amqp", error: error))
                    keep(entry, for: .seconds(1))
                }
                moveEnded()
            }
        }
    }

    private func moveEnded() {
        let signals = state.withLock { state -> [Signal] in
            state.moves -= 1
            guard state.moves == 0 else { return [] }
            defer { state.moved = [] }
            return state.moved
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
        consumer.stop()
    }

    func flush() async throws {
        let done = Signal()
        let mustWait = state.withLock { state in
            if state.moves > 0 { state.moved.append(done) }
            return state.moves > 0
        }
        if mustWait { await done.waitUncancellably() }
        await consumer.flush()
    }

    func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return await hasClosed.waitUncancellably() }
        defer { hasClosed.fire() }
        stopFetching()
        _ = buffer.close()
        try? await flush()
        await consumer.close()
    }
}
