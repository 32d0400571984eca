import Millrace
import MillraceTransportKit

/// A member of a topic's consumer group, or a reader with a queue of its own.
final class AMQPSubscription: Subscription {
    let topic: String
    let group: String?
    private let options: AMQPOptions
    private let lease: Duration
    private let publisher: AMQPPublisher
    let consumer: AMQPConsumer
    /// The key with which messages of the topic are published.
    let usualRoutingKey: String
    private let retries: AMQPRetries
    private let buffer: DeliveryBuffer
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let transfers = Transfers()
    private let closing = Closing()

    init(_ transport: AMQPTransport, topic: String, _ subscription: SubscriptionOptions, _ queue: AMQPQueue) {
        self.topic = topic
        group = subscription.group
        options = transport.options
        usualRoutingKey = transport.options.topology.route(to: topic).routingKey
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
            guard let self, !closing.hasBegun else { return }
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
            for entry in entries { transfers.begin(entry.position) }
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
        buffer.remove(token) { transfers.begin($0.position) }
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
                var next = entry
                next.attempt += 1
                keep(next, for: delay)
            }
            transfers.end(entry.position)
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
            transfers.end(entry.position)
        case .broker:
            consumer.reject(entry.position)
            transfers.end(entry.position)
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
                transfers.end(entry.position)
            }
        }
    }

    func renew(_ tokens: [DeliveryToken]) { buffer.renew(tokens) }

    private func reportIgnored(_ count: Int) {
        observers.reportIgnored(count, of: self, isClosed: closing.hasBegun)
    }

    // MARK: End

    func stopFetching() {
        buffer.stop()
        consumer.stop()
    }

    func flush() async throws {
        await transfers.finish()
        await consumer.flush()
    }

    func close() async {
        await closing.run {
            stopFetching()
            _ = buffer.close()
            try? await flush()
            await consumer.close()
        }
    }
}
