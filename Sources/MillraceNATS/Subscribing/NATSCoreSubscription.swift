import Millrace
import MillraceTransportKit

/// A subscription of core NATS: gets what is published while it is there, at most once. A group is a queue group.
final class NATSCoreSubscription: NATSMember, Subscription, @unchecked Sendable {
    // Safe to share: what is not guarded by a lock is used on the loop's thread alone.
    let topic: String
    let group: String?
    private let connection: NATSConnection
    private let observers: AttachableObservers
    private let buffer: DeliveryBuffer
    private let settling: LocalSettling
    private let isWild: Bool
    private var mailbox: NATSMailbox?
    private var link: NATSLink?
    private var isStopped = false
    private var position: UInt64 = 0
    private var reported = 0
    private let hasStopped = Signal()
    private let closing = Closing()

    init(_ transport: NATSTransport, topic: String, _ subscription: SubscriptionOptions) {
        self.topic = topic
        group = subscription.group
        connection = transport.connection
        observers = transport.observers
        isWild = NATSNames.hasWildcards(topic)
        let wake = LoopSignal(transport.connection.loop)
        buffer = DeliveryBuffer(
            prefetch: subscription.prefetch, ordered: subscription.ordered, clock: transport.clock
        ) { wake.fire() }
        settling = LocalSettling(
            buffer, topic: topic, group: group, lease: subscription.lease, transport.publisher, nil, transport.connection)
        wake.action = { [weak self] in self?.mailbox?.empty() }
    }

    deinit {
        let (mailbox, link, loop) = (mailbox, link, connection.loop)
        loop.execute { if let mailbox, let link { link.close(mailbox) } }
    }

    /// Subscribes, and returns when the server knows of it.
    func begin() async throws {
        let subscribed = Signal()
        let failure = Lock<(any Error)?>(nil)
        connection.loop.execute { [self] in
            connection.add(self)
            guard link != nil else {
                failure.withLock { $0 = NATSError.notConnected("subscribing to '\(topic)'") }
                return subscribed.fire()
            }
            connection.echo { isDone in
                if !isDone { failure.withLock { $0 = NATSError.notConnected("subscribing") } }
                subscribed.fire()
            }
        }
        await subscribed.waitUncancellably()
        if let error = failure.withLock({ $0 }) { throw error }
        settling.watchLeases()
    }

    func linkUp(_ link: NATSLink) {
        guard !isStopped else { return }
        self.link = link
        let room = { [buffer] in buffer.room() }
        let mailbox = NATSMailbox(topic, queue: group, limit: connection.options.maximumWaiting, room: room) {
            [weak self] content in
            if case .messages(let messages) = content { self?.take(messages) }
        }
        guard (try? link.open(mailbox)) != nil else { return }
        self.mailbox = mailbox
        reported = 0
    }

    func linkDown() {
        mailbox = nil
        link = nil
        if isStopped { hasStopped.fire() }
    }

    private func take(_ messages: [NATSMessage]) {
        var entries: [DeliveryBuffer.Entry] = []
        entries.reserveCapacity(messages.count)
        var spent = SpentMessages()
        for raw in messages {
            let message = NATSLayout.take(raw, fallbackID: { MessageID.next() }, &spent) { metadata in
                if isWild { metadata[MetadataKey.topic] = raw.subject.map { String(cString: $0) } }
                if let reply = raw.reply { metadata[NATSMetadata.reply] = String(cString: reply) }
            }
            position += 1
            entries.append(DeliveryBuffer.Entry(message: message, attempt: 1, position: Position(low: position)))
        }
        buffer.arrive(entries)
        reportDropped()
    }

    /// Libnats keeps so many; what comes beyond that is lost, as core NATS has it.
    private func reportDropped() {
        guard let dropped = mailbox?.dropped, dropped > reported else { return }
        observers.report(
            .warning, .messagesDropped(topic: topic, count: dropped - reported, reason: "the subscription is too slow"))
        reported = dropped
    }

    // MARK: Pull and settle

    func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        try await buffer.pull(into: &batch, upTo: limit, until: deadline)
    }

    func pause() { buffer.pause() }
    func resume() { buffer.resume() }
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
        connection.loop.execute { [self] in
            guard !isStopped else { return }
            isStopped = true
            connection.remove(self)
            if let mailbox, let link { link.close(mailbox) }
            mailbox = nil
            hasStopped.fire()
        }
    }

    func flush() async throws { await settling.flush() }

    func close() async {
        await closing.run {
            stopFetching()
            await hasStopped.waitUncancellably()
            let (held, delayed) = buffer.close()
            await settling.flush()
            guard !held.isEmpty || !delayed.isEmpty else { return }
            observers.report(
                .warning,
                .messagesDropped(
                    topic: topic, count: held.count + delayed.count, reason: "unsettled at the close; core NATS keeps nothing"))
        }
    }
}
