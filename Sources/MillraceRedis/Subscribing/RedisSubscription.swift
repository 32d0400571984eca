import Millrace
import MillraceTransportKit

/// A member of a stream's consumer group, or a reader without a group.
///
/// Reads with a connection of its own, because a read that waits holds up whatever comes after it. Everything else goes over the
/// transport's connection. Entries are taken over from members that have died when their lease has run out.
final class RedisSubscription: Subscription, @unchecked Sendable {
    // Safe to share: what is not guarded by a lock of its own is used on the loop's thread alone.
    let topic: String
    let group: String?
    let stream: RedisStream
    let buffer: DeliveryBuffer
    let clock: any SchedulingClock
    private let loop: EventLoop
    private let observers: AttachableObservers
    private let reader: RedisReader
    private let keeper: RedisKeeper?
    private let acknowledger: RedisAcknowledger
    private let closing = Closing()

    init(
        _ transport: RedisTransport, topic: String, consumer: String, _ options: SubscriptionOptions,
        reader connection: RedisConnection,
        after start: Position
    ) {
        self.topic = topic
        group = options.group
        loop = transport.loop
        clock = transport.clock
        observers = transport.observers
        let wake = LoopSignal(transport.loop)
        buffer = DeliveryBuffer(prefetch: options.prefetch, ordered: options.ordered, clock: clock) { wake.fire() }
        stream = RedisStream(
            topic: topic, group: options.group, consumer: RedisConsumer.name(consumer, lease: options.lease),
            lease: options.lease,
            options: transport.options)
        acknowledger = RedisAcknowledger(stream, commands: transport.commands, loop: transport.loop)
        reader = RedisReader(
            stream, connection: connection, commands: transport.commands, buffer: buffer, acknowledger: acknowledger,
            loop: transport.loop, clock: clock, observers: observers, after: start)
        keeper =
            options.group == nil
            ? nil
            : RedisKeeper(
                stream, commands: transport.commands, loop: transport.loop, clock: clock, buffer: buffer,
                observers: observers)
        wake.action = { [weak reader, weak keeper] in
            keeper?.roomAppeared()
            reader?.read()
        }
        keeper?.onMissed = { [weak reader] in reader?.noteMissed() }
    }

    deinit {
        let (reader, keeper) = (reader, keeper)
        loop.execute {
            keeper?.stop()
            reader.abandon()
        }
    }

    /// Takes over what is pending with nobody, then reads.
    func start() {
        loop.execute { [reader, keeper] in
            guard let keeper else { return reader.start() }
            keeper.start { reader.start() }
        }
        if group == nil { watchLeases() }
    }

    /// Without a group the server knows nothing of leases.
    private func watchLeases() {
        let lease = stream.lease
        clock.schedule(after: lease / 4) { [weak self] in
            guard let self, !closing.hasBegun else { return }
            for entry in buffer.expire(lease: lease) {
                observers.report(
                    .warning,
                    .leaseExpired(topic: topic, group: nil, position: entry.position, attempt: entry.attempt - 1))
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

    /// What the server has not handed out, as of a moment ago, and what waits here.
    var lag: Int? { keeper?.lag.map { $0 + buffer.waitingCount } }

    // MARK: Settle

    func acknowledge(_ tokens: [DeliveryToken]) {
        var mustSend = false
        let (_, ignored) = buffer.finish(tokens) { mustSend = acknowledger.note($0) }
        if mustSend { acknowledger.sendSoon() }
        if ignored > 0 { reportIgnored(ignored) }
    }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge: acknowledge([token])
        case .release: if !buffer.release(token) { reportIgnored(1) }
        case .retry(let delay):
            let isKnown = buffer.retry(token, after: delay) { [keeper] entry in keeper?.noteAttempt(of: entry) }
            if !isKnown { reportIgnored(1) }
        case .reject(let reason):
            guard let entry = buffer.remove(token, { acknowledger.noteBurial(of: $0.position) }) else {
                return reportIgnored(1)
            }
            bury(entry, reason)
        }
    }

    /// Sends a message that was given up to the dead letters, and acknowledges it when it is there.
    private func bury(_ entry: DeliveryBuffer.Entry, _ reason: String) {
        guard case .topicSuffix(let suffix) = stream.options.deadLetters else {
            observers.report(.warning, .messagesDropped(topic: topic, count: 1, reason: reason))
            return acknowledger.endBurial(of: entry.position, isDone: true)
        }
        let letter = DeadLetter(
            rejected: entry.message, reason: reason, topic: topic, group: group, transport: "redis",
            attempts: entry.attempt, at: clock.unixMilliseconds)
        acknowledger.bury(letter.letter, in: topic + suffix, at: entry.position)
    }

    func renew(_ tokens: [DeliveryToken]) {
        buffer.renew(tokens)
        keeper?.renew(buffer.positions(of: tokens))
    }

    private func reportIgnored(_ count: Int) {
        observers.reportIgnored(count, of: self, isClosed: closing.hasBegun)
    }

    // MARK: End

    func stopFetching() {
        buffer.stop()
        loop.execute { [reader] in reader.stop() }
    }

    func flush() async throws { await acknowledger.flush() }

    func close() async {
        await closing.run {
            stopFetching()
            // A read or a claim that is under way may still bring something, which has to go back as well.
            await reader.waitUntilStopped()
            await keeper?.stopClaiming()
            let (held, delayed) = buffer.close()
            await acknowledger.flush()
            reader.expectEnd()
            await keeper?.giveBack(held, delayed, reader: reader.clientID)
            await reader.close()
        }
    }
}
