import Millrace
import MillraceTransportKit

/// A reader without a group: has an ephemeral consumer that acknowledges nothing, and remembers by itself where it is.
///
/// When the connection was lost, something is missing, or the consumer is gone, another one takes its place behind the last message
/// that has come.
final class NATSCopySubscription: Subscription, @unchecked Sendable {
    // Safe to share: what is not guarded by a lock is used on the loop's thread alone.
    let topic: String
    var group: String? { nil }
    private let options: NATSOptions
    private let setup: NATSConsumerSetup
    private let connection: NATSConnection
    private let streams: NATSStreams
    private let observers: AttachableObservers
    private let buffer: DeliveryBuffer
    private let settling: LocalSettling
    private let puller: NATSPuller
    /// The last message that has come.
    private var last: UInt64
    /// The number of the next one for the consumer.
    private var next: UInt64 = 1
    /// When the consumer was made.
    private var created: String
    private var isRenewing = false
    private let renewing = Lock<Task<Void, Never>?>(nil)
    private let closing = Closing()

    init(
        _ transport: NATSTransport, topic: String, stream: String, _ consumer: ConsumerInfo,
        _ subscription: SubscriptionOptions
    ) {
        self.topic = topic
        options = transport.options
        setup = transport.setup
        connection = transport.connection
        streams = transport.streams
        observers = transport.observers
        last = consumer.delivered.stream_seq
        created = consumer.created
        let wake = LoopSignal(transport.connection.loop)
        buffer = DeliveryBuffer(
            prefetch: subscription.prefetch, ordered: subscription.ordered, clock: transport.clock
        ) { wake.fire() }
        settling = LocalSettling(
            buffer, topic: topic, group: nil, lease: subscription.lease, transport.publisher, transport.streams,
            transport.connection)
        let puller = NATSPuller(
            connection, setup.jetStream, stream: stream, consumer: consumer.name, topic: topic, buffer: buffer,
            prefetch: subscription.prefetch)
        self.puller = puller
        wake.action = { [weak puller] in puller?.fetch() }
        puller.onArrival = { [weak self] messages in
            self?.take(messages)
            return 0
        }
        puller.onLink = { [weak self] in self?.linkUp() }
        puller.onConsumerLost = { [weak self] in self?.renew(attempt: 1) }
    }

    deinit {
        let (puller, setup, loop) = (puller, setup, connection.loop)
        renewing.withLock { $0 }?.cancel()
        loop.execute {
            setup.remove(puller.source.consumer, of: puller.source.stream)
            puller.abandon()
        }
    }

    func begin() {
        connection.loop.execute { [self] in connection.add(puller) }
        settling.watchLeases()
    }

    /// Whether this is the first link, over which nothing can have been lost.
    private var isFirstLink = true

    private func linkUp() {
        guard isFirstLink else { return renew(attempt: 1) }
        isFirstLink = false
        puller.begin()
    }

    // MARK: On the loop

    private func take(_ messages: [Incoming]) {
        var entries: [DeliveryBuffer.Entry] = []
        entries.reserveCapacity(messages.count)
        for message in messages where !isRenewing {
            guard message.ack.consumerSequence == next else {
                // Something that came before it has not come here.
                renew(attempt: 1)
                break
            }
            next += 1
            last = message.ack.sequence
            entries.append(DeliveryBuffer.Entry(message: message.message, attempt: 1, position: message.position))
        }
        if !entries.isEmpty { buffer.arrive(entries) }
    }

    private static let backoff = Backoff.exponential(from: .milliseconds(100), upTo: .seconds(5), jitter: false)

    /// Makes another consumer behind the last message that has come; from the beginning of another stream.
    private func renew(attempt: Int) {
        guard !closing.hasBegun, !isRenewing || attempt > 1 else { return }
        isRenewing = true
        puller.halt()
        let (old, last, created) = (puller.source, last, created)
        streams.forget(topic)
        let work = Task { [setup, streams, topic, connection, weak self] in
            let result: Result<(String, ConsumerInfo), any Error>
            do {
                setup.remove(old.consumer, of: old.stream)
                let stream = try await streams.find(topic)
                let known = try await setup.isSame(stream, as: old.stream, consumerCreated: created)
                let info = try await setup.copy(
                    topic: topic, of: stream, start: known ? .after(Position(low: last)) : .beginning)
                result = .success((stream, info))
            } catch {
                result = .failure(error)
            }
            connection.loop.execute { [weak self] in self?.renewed(result, attempt: attempt) }
        }
        renewing.withLock { $0 = work }
    }

    private func renewed(_ result: Result<(String, ConsumerInfo), any Error>, attempt: Int) {
        switch result {
        case .success(let (stream, info)):
            isRenewing = false
            next = 1
            last = info.delivered.stream_seq
            created = info.created
            puller.begin(with: info.name, of: stream)
        case .failure(let error as MillraceError) where !error.isRetriable: buffer.lose(error)
        case .failure(let error):
            observers.report(.warning, .disconnected(transport: "nats", error: error))
            connection.loop.execute(after: Self.backoff.nominalDelay(after: attempt), clock: SystemClock.shared) {
                [weak self] in self?.renew(attempt: attempt + 1)
            }
        }
    }

    // MARK: Pull and settle

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        try await buffer.pull(into: &batch, upTo: limit, until: deadline)
    }

    func pause() { buffer.pause() }
    func resume() { buffer.resume() }

    /// What the consumer has not handed out, as of a moment ago, and what waits here.
    var lag: Int? { puller.pending.map { $0 + buffer.waitingCount } }

    func acknowledge(_ tokens: [DeliveryToken]) { reportIgnored(settling.acknowledge(tokens)) }

    func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        if !settling.settle(token, settlement) { reportIgnored(1) }
    }

    func renew(_ tokens: [DeliveryToken]) { buffer.renew(tokens) }

    private func reportIgnored(_ count: Int) {
        if count > 0 { observers.reportIgnored(count, of: self, isClosed: closing.hasBegun) }
    }

    // MARK: End

    func stopFetching() {
        buffer.stop()
        connection.loop.execute { [puller] in puller.stop() }
    }

    func flush() async throws { await settling.flush() }

    func close() async {
        await closing.run {
            stopFetching()
            await renewing.withLock { $0 }?.value
            await puller.waitUntilStopped()
            _ = buffer.close()
            await settling.flush()
            setup.remove(puller.source.consumer, of: puller.source.stream)
        }
    }
}
