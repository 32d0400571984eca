import Millrace
import MillraceTransportKit

/// A member of a consumer group: of those who share a durable consumer.
///
/// The server keeps a message for the member as long as that says that it is at work on it, which it does for all that it holds; how
/// long a handler may have one is the member's business, so that members of a group may differ in it.
final class NATSGroupSubscription: Subscription, @unchecked Sendable {
    // Safe to share: what is not guarded by a lock of its own is used on the loop's thread alone.
    let topic: String
    let group: String?
    private let options: NATSOptions
    private let subscription: SubscriptionOptions
    private let setup: NATSConsumerSetup
    private let connection: NATSConnection
    private let publisher: NATSPublisher
    private let streams: NATSStreams
    private let attempts: NATSAttempts?
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let buffer: DeliveryBuffer
    private let claims = NATSClaims()
    private let acknowledger: NATSAcknowledger
    private let puller: NATSPuller
    private let arrivals: ArrivalQueue
    private let keeper: NATSKeeper
    /// After how many deliveries the server hands out a message no more; nil for never.
    private let serversLimit: Int?
    private let closing = Closing()

    init(
        _ transport: NATSTransport, topic: String, stream: String, _ consumer: ConsumerInfo,
        _ subscription: SubscriptionOptions
    ) {
        self.topic = topic
        self.subscription = subscription
        group = subscription.group
        options = transport.options
        setup = transport.setup
        connection = transport.connection
        publisher = transport.publisher
        streams = transport.streams
        attempts = transport.attempts
        clock = transport.clock
        observers = transport.observers
        let wake = LoopSignal(transport.connection.loop)
        buffer = DeliveryBuffer(prefetch: subscription.prefetch, ordered: subscription.ordered, clock: clock) { wake.fire() }
        acknowledger = NATSAcknowledger(connection)
        let puller = NATSPuller(
            connection, setup.jetStream, stream: stream, consumer: consumer.name, topic: topic, buffer: buffer,
            prefetch: subscription.prefetch)
        self.puller = puller
        arrivals = ArrivalQueue(claims, attempts, buffer, connection.loop, limit: options.consumers.maximumDeliveries) {
            [unowned puller] in puller.source
        }
        keeper = NATSKeeper(connection, claims, puller, consumer)
        serversLimit = NATSConsumerSetup.serversLimit(consumer)
        wake.action = { [weak puller] in puller?.fetch() }
        arrivals.onEmpty = { [weak puller] in puller?.noteInside() }
        arrivals.onSpent = { [weak self] in self?.arrivedSpent($0) }
        puller.onArrival = { [arrivals] in arrivals.take($0) }
        puller.onLink = { [weak self] in self?.linkUp() }
        puller.onLinkLost = { [weak keeper] in keeper?.linkLost() }
        puller.onConsumerLost = { [weak self] in self?.renewConsumer(attempt: 1) }
    }

    deinit {
        let (puller, keeper, loop) = (puller, keeper, connection.loop)
        loop.execute {
            keeper.stop()
            puller.abandon()
        }
    }

    /// Begins to read.
    func begin() {
        connection.loop.execute { [self] in
            connection.add(puller)
            keeper.start()
        }
        watchLeases()
        guard let serversLimit else { return }
        let message =
            "the consumer gives messages up after \(serversLimit) deliveries: what members that die have then is handed out no more"
        observers.report(
            .warning,
            .log(
                message: message, handler: nil,
                fields: [("transport", "nats"), ("topic", .text(topic)), ("consumer", .text(puller.source.consumer))]))
    }

    private func linkUp() {
        // What the server has not heard of for that long is another member's by now, or will come again.
        if keeper.wasAwayTooLong { for entry in buffer.withdraw(where: { _ in true }) { _ = claims.remove(entry.position) } }
        acknowledger.linkUp()
        keeper.linkUp()
        puller.begin()
    }

    // MARK: A consumer that is gone

    private static let backoff = Backoff.exponential(from: .milliseconds(100), upTo: .seconds(5), jitter: false)

    /// Makes the consumer anew, and the stream if need be: behind what is known to be done, or at the beginning of another stream.
    private func renewConsumer(attempt: Int) {
        guard !closing.hasBegun else { return }
        let floor = keeper.floor
        let old = puller.source.stream
        streams.forget(topic)
        let work = Task { [self] in
            do {
                let stream = try await streams.find(topic)
                let isSame = try await setup.isSame(stream, as: old, consumerCreated: floor.consumerCreated)
                let start: StartPosition = isSame ? .after(Position(low: floor.sequence)) : .beginning
                let info: ConsumerInfo = try await setup.group(
                    group ?? "", topic: topic, of: stream, lease: subscription.lease, start: start)
                connection.loop.execute { [self] in
                    // The numbers of another stream would be taken for those of this one.
                    claims.removeAll()
                    _ = buffer.withdraw { _ in true }
                    keeper.renewed(info)
                    puller.begin(with: info.name, of: stream)
                }
            } catch let error as MillraceError where !error.isRetriable {
                buffer.lose(error)
            } catch {
                observers.report(.warning, .disconnected(transport: "nats", error: error))
                connection.loop.execute(after: Self.backoff.nominalDelay(after: attempt), clock: SystemClock.shared) {
                    [weak self] in self?.renewConsumer(attempt: attempt + 1)
                }
            }
        }
        renewing.withLock { $0 = work }
    }

    /// Owned here: awaited at the close.
    private let renewing = Lock<Task<Void, Never>?>(nil)

    // MARK: Pull

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        try await buffer.pull(into: &batch, upTo: limit, until: deadline)
    }

    func pause() { buffer.pause() }
    func resume() { buffer.resume() }

    /// What the consumer has not handed out, as of a moment ago, and what waits here.
    var lag: Int? { puller.pending.map { $0 + buffer.waitingCount } }

    // MARK: Leases

    private func watchLeases() {
        clock.schedule(after: subscription.lease / 4) { [weak self] in
            guard let self, !closing.hasBegun else { return }
            expire()
            watchLeases()
        }
    }

    private func expire() {
        var expired: [DeliveryBuffer.Entry] = []
        if subscription.ordered == .byKey {
            // Later messages of the key wait here for it, so that it stays.
            expired = buffer.expire(lease: subscription.lease).map { entry in
                note(attempt: entry.attempt, of: entry.position)
                var entry = entry
                entry.attempt -= 1
                return entry
            }
        } else {
            buffer.withdrawExpired(lease: subscription.lease, mustRest: { false }) { entries, _ in expired = entries }
            for entry in expired { giveBack(entry, after: .zero) }
        }
        for entry in expired {
            observers.report(
                .warning, .leaseExpired(topic: topic, group: group, position: entry.position, attempt: entry.attempt))
        }
    }

    func renew(_ tokens: [DeliveryToken]) { buffer.renew(tokens) }

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        let (positions, ignored) = buffer.finish(tokens)
        acknowledger.acknowledge(claims.remove(positions))
        if ignored > 0 { reportIgnored(ignored) }
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge: acknowledge([token])
        case .release: if !buffer.release(token) { reportIgnored(1) }
        case .retry(let delay): retry(token, after: delay)
        case .reject(let reason):
            guard let entry = buffer.remove(token, { _ in acknowledger.noteBurial() }) else { return reportIgnored(1) }
            bury(entry, reason)
        }
    }

    private func retry(_ token: DeliveryToken, after delay: Duration) {
        guard subscription.ordered != .byKey else {
            let isKnown = buffer.retry(token, after: delay) { [weak self] entry in
                self?.note(attempt: entry.attempt, of: entry.position)
            }
            if !isKnown { reportIgnored(1) }
            return
        }
        guard let entry = buffer.remove(token) else { return reportIgnored(1) }
        giveBack(entry, after: delay)
    }

    /// Gives a message back that was tried, unless the server would never hand it out again.
    private func giveBack(_ entry: DeliveryBuffer.Entry, after delay: Duration) {
        let limit = options.consumers.maximumDeliveries ?? .max
        if entry.attempt >= limit || isServersLast(entry) {
            acknowledger.noteBurial()
            return bury(entry, "handed out \(max(entry.attempt, deliveries(of: entry))) times, as often as the consumer allows")
        }
        guard let claim = claims.giveBack(entry.position, nextAttempt: entry.attempt + 1), !keeper.wasSilentTooLong else {
            return
        }
        acknowledger.send([.giveBack(claim.reply, after: delay)])
    }

    private func deliveries(of entry: DeliveryBuffer.Entry) -> Int { claims.claim(of: entry.position)?.delivered ?? 0 }

    /// Whether the server would never hand out a message again.
    private func isServersLast(_ entry: DeliveryBuffer.Entry) -> Bool {
        serversLimit.map { deliveries(of: entry) >= $0 } ?? false
    }

    /// A message has come that members have had as often as they may, and none has settled.
    private func arrivedSpent(_ entry: DeliveryBuffer.Entry) {
        acknowledger.noteBurial()
        bury(entry, "handed out \(entry.attempt - 1) times, and settled by nobody")
    }

    /// Writes down how often a message was tried that is retried here, so that whoever gets it after a crash knows. `attempt` is
    /// the one that begins.
    private func note(attempt: Int, of position: Position) {
        guard let attempts, let claim = claims.claim(of: position) else { return }
        attempts.note([.init(sequence: position.low, time: claim.time, excused: claim.delivered - attempt)], puller.source) {}
    }

    /// Sends a message that was given up to the dead letters; it is done when it is there.
    private func bury(_ entry: DeliveryBuffer.Entry, _ reason: String) {
        guard let target = options.deadLetterTopic(of: entry.message, topic) else {
            observers.report(.warning, .messagesDropped(topic: topic, count: 1, reason: reason))
            if let claim = claims.remove(entry.position) { acknowledger.send([.terminate(claim.reply)]) }
            return acknowledger.burialEnded()
        }
        let letter = DeadLetter(
            rejected: entry.message, reason: reason, topic: entry.message.metadata[MetadataKey.topic] ?? topic, group: group,
            transport: "nats", attempts: entry.attempt, at: clock.unixMilliseconds
        ).letter
        let isBuried: @Sendable (Result<Void, any Error>) -> Void = { [self] result in
            switch result {
            case .success:
                if let claim = claims.remove(entry.position) { acknowledger.send([.terminate(claim.reply)]) }
            case .failure(let error):
                observers.report(.error, .disconnected(transport: "nats", error: error))
                buffer.restore(entry)
            }
            acknowledger.burialEnded()
        }
        streams.find(target) { [publisher] result in
            switch result {
            case .success: publisher.send(letter, to: target, isBuried)
            case .failure(let error): isBuried(.failure(error))
            }
        }
    }

    private func reportIgnored(_ count: Int) {
        observers.reportIgnored(count, of: self, isClosed: closing.hasBegun)
    }

    // MARK: End

    func stopFetching() {
        buffer.stop()
        connection.loop.execute { [puller] in puller.stop() }
    }

    func flush() async throws { try await acknowledger.flush(patience: options.connectTimeout) }

    func close() async {
        await closing.run {
            stopFetching()
            await renewing.withLock { $0 }?.value
            // What is under way may still come, and has to go back as well.
            await puller.waitUntilStopped()
            await arrivals.waitUntilEmpty()
            let (held, delayed) = buffer.close()
            await noteUncounted(held + delayed.map(\.entry))
            var settlements: [NATSAcknowledger.Settlement] = []
            for (entry, delay) in held.map({ ($0, Duration.zero) }) + delayed.map({ ($0.entry, $0.remaining) }) {
                guard !isServersLast(entry) else {
                    acknowledger.noteBurial()
                    bury(entry, "given back by a member that closed, and handed out as often as the consumer allows")
                    continue
                }
                guard let claim = claims.giveBack(entry.position, nextAttempt: entry.attempt) else { continue }
                settlements.append(.giveBack(claim.reply, after: delay))
            }
            acknowledger.send(settlements)
            // What does not get through comes back when the server has not heard of it for long enough.
            try? await flush()
            let (keeper, loop) = (keeper, connection.loop)
            loop.execute { keeper.stop() }
        }
    }

    /// The server counts the next delivery of what goes back now, which it is not to.
    private func noteUncounted(_ entries: [DeliveryBuffer.Entry]) async {
        guard let attempts, connection.link != nil else { return }
        let notes = entries.compactMap { entry in
            claims.claim(of: entry.position).map {
                NATSAttempts.Note(
                    sequence: entry.position.low, time: $0.time, excused: $0.delivered + 1 - entry.attempt)
            }
        }
        let done = Signal()
        attempts.note(notes, puller.source) { done.fire() }
        await done.waitUncancellably()
    }
}

extension NATSOptions {
    /// Where a message of a topic goes that was rejected; nil for nowhere. A topic with wildcards must not receive its own dead
    /// letters, so that what is behind the subject otherwise goes in front.
    func deadLetterTopic(of message: borrowing Message, _ topic: String) -> String? {
        guard case .topicSuffix(let suffix) = deadLetters else { return nil }
        guard NATSNames.hasWildcards(topic) else { return topic + suffix }
        return Self.deadLetterTopic(ofSubject: message.metadata[MetadataKey.topic] ?? "unknown", suffix)
    }

    static func deadLetterTopic(ofSubject subject: String, _ suffix: String) -> String {
        String(suffix.drop { $0 == "." }) + "." + subject
    }
}
