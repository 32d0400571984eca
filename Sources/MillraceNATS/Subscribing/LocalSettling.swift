import Millrace
import MillraceTransportKit

/// What subscriptions have in common of which the server knows nothing: those without a group, and all of core NATS.
///
/// Retries, attempts and leases are kept here, and end with the subscription.
final class LocalSettling: Sendable {
    let buffer: DeliveryBuffer
    private let topic: String
    private let group: String?
    private let options: NATSOptions
    private let publisher: NATSPublisher
    private let streams: NATSStreams?
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let lease: Duration
    private let transfers = Transfers()

    init(
        _ buffer: DeliveryBuffer, topic: String, group: String?, lease: Duration, _ publisher: NATSPublisher,
        _ streams: NATSStreams?, _ connection: NATSConnection
    ) {
        self.buffer = buffer
        self.topic = topic
        self.group = group
        self.lease = lease
        self.publisher = publisher
        self.streams = streams
        options = connection.options
        clock = connection.clock
        observers = connection.observers
    }

    /// Watches leases as long as somebody has this.
    func watchLeases() {
        clock.schedule(after: lease / 4) { [weak self] in
            guard let self else { return }
            for entry in buffer.expire(lease: lease) {
                observers.report(
                    .warning,
                    .leaseExpired(topic: topic, group: group, position: entry.position, attempt: entry.attempt - 1))
            }
            watchLeases()
        }
    }

    /// How many had been settled before.
    func acknowledge(_ tokens: [DeliveryToken]) -> Int { buffer.finish(tokens).ignored }

    /// False when it had been settled before.
    func settle(_ token: DeliveryToken, _ settlement: Settlement) -> Bool {
        switch settlement {
        case .acknowledge: return acknowledge([token]) == 0
        case .release: return buffer.release(token)
        case .retry(let delay): return buffer.retry(token, after: delay) { _ in }
        case .reject(let reason):
            guard let entry = buffer.remove(token, { transfers.begin($0.position) }) else { return false }
            bury(entry, reason)
            return true
        }
    }

    private func bury(_ entry: DeliveryBuffer.Entry, _ reason: String) {
        guard let target = options.deadLetterTopic(of: entry.message, topic) else {
            observers.report(.warning, .messagesDropped(topic: topic, count: 1, reason: reason))
            return transfers.end(entry.position)
        }
        let letter = DeadLetter(
            rejected: entry.message, reason: reason, topic: entry.message.metadata[MetadataKey.topic] ?? topic, group: group,
            transport: "nats", attempts: entry.attempt, at: clock.unixMilliseconds
        ).letter
        let isBuried: @Sendable (Result<Void, any Error>) -> Void = { [self] result in
            if case .failure(let error) = result {
                observers.report(.error, .disconnected(transport: "nats", error: error))
                buffer.restore(entry)
            }
            transfers.end(entry.position)
        }
        guard let streams else { return publisher.send(letter, to: target, isBuried) }
        streams.find(target) { [publisher] result in
            switch result {
            case .success: publisher.send(letter, to: target, isBuried)
            case .failure(let error): isBuried(.failure(error))
            }
        }
    }

    /// Waits for dead letters that are on their way.
    func flush() async { await transfers.finish() }
}
