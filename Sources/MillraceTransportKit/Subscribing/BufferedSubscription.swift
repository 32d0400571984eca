public import Millrace

/// A subscription of which its transport writes no more than a ``DeliverySource``: how to fetch, settle and renew.
///
/// ```swift
/// let subscription = BufferedSubscription(
///     to: topic, options, from: FolderSource(topic, options), system: "folder", deadLetterTopic: topic + ".dead-letter",
///     observers: observers)
/// ```
///
/// It fetches ahead, up to the prefetch, and hands out by `SubscriptionOptions.ordered`. Deliveries are settled once; what is settled
/// again, or after the close, is reported. Retries wait in this process for their delay, their keys with them, and go back to the
/// broker at the close with their count. Attempts count when somebody has looked at the message: what was only held does not.
///
/// The lease of a delivery begins when it leaves the buffer, and anew with each `renew`. One that runs out goes back to the broker with
/// its attempt counted; while nobody pulls, nothing more is fetched after that. The member's claims at the broker are another matter:
/// they are renewed as long as this object lives, and what was claimed comes back when it is gone.
public final class BufferedSubscription: Subscription {
    /// The topic that it reads.
    public let topic: String
    /// The consumer group that it belongs to; nil if it has its own copy.
    public let group: String?
    private let lease: Duration
    private let system: String
    private let deadLetterTopic: String?
    private let source: any DeliverySource
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let buffer: DeliveryBuffer
    private let bell = Bell()
    private let settlements: SettlementQueue
    private let fetching: FetchLoop
    private let claims: ClaimKeeper
    private let expiry = Lock<Repetition?>(nil)
    private let closing = Closing()

    /// How long a close waits for a broker that does not answer.
    private static let patience = Duration.seconds(5)

    /// A subscription that fetches from now on.
    ///
    /// - Parameters:
    ///   - topic: The topic that it reads.
    ///   - options: How; the transport has checked them.
    ///   - source: Where messages come from. It is the subscription's alone.
    ///   - system: The name of the messaging system: `Transport.system`.
    ///   - deadLetterTopic: Where rejected messages go. Defaults to nil: they are dropped, and that is reported.
    ///   - pollInterval: How long to wait after a fetch that has brought nothing. Defaults to 1 second; ``look()`` ends the wait.
    ///   - clock: What delays, deadlines and leases are told by. Defaults to the system's.
    ///   - observers: Who is told what happens.
    public init(
        to topic: String, _ options: SubscriptionOptions, from source: some DeliverySource, system: String,
        deadLetterTopic: String? = nil, pollInterval: Duration = .seconds(1), clock: any SchedulingClock = SystemClock.shared,
        observers: AttachableObservers
    ) {
        self.topic = topic
        group = options.group
        lease = options.lease
        self.system = system
        self.deadLetterTopic = deadLetterTopic
        self.source = source
        self.clock = clock
        self.observers = observers
        let connection = SourceConnection(system, observers)
        buffer = DeliveryBuffer(prefetch: options.prefetch, ordered: options.ordered, clock: clock) { [bell] in bell.ring() }
        settlements = SettlementQueue(source, connection, clock: clock)
        fetching = FetchLoop(
            source, into: buffer, settlements, connection, isOrdered: options.ordered == .byKey, pollInterval: pollInterval,
            clock: clock, bell: bell)
        claims = ClaimKeeper(source, buffer, settlements, lease: lease, clock: clock)
        settlements.start()
        fetching.start()
        expiry.withLock { $0 = Repetition(every: lease / 4, of: clock) { [weak self] in self?.endExpired() } }
    }

    deinit {
        guard !closing.hasBegun else { return }
        // Whoever has dropped it waits for nothing: what is held goes back, and a fetch that is under way comes back with its lease.
        fetching.cancel()
        claims.cancel()
        giveBack()
        settlements.end()
    }

    // MARK: Pull

    /// See `Subscription.pull`.
    public func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        fetching.pullBegins()
        defer { fetching.pullEnds() }
        return try await buffer.pull(into: &batch, upTo: limit, until: deadline)
    }

    /// There may be something new: the broker is asked at once. From any thread.
    public func look() { bell.ring() }

    /// Hands out nothing until ``resume()``.
    public func pause() { buffer.pause() }
    /// Ends a pause.
    public func resume() { buffer.resume() }

    /// What the source knows of, and what waits here.
    public var lag: Int? { source.lag.map { $0 + buffer.waitingCount } }

    // MARK: Settle

    /// Acknowledges deliveries.
    public func acknowledge(_ tokens: [DeliveryToken]) {
        let (_, ignored) = buffer.finish(tokens) { positions in
            settlements.note(positions.map { SettledDelivery(.acknowledged, at: $0, attempts: 0) })
        }
        settlements.send()
        if ignored > 0 { reportIgnored(ignored) }
    }

    /// Settles one delivery.
    public func settle(_ token: DeliveryToken, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge: acknowledge([token])
        case .release: if !buffer.release(token) { reportIgnored(1) }
        case .retry(let delay):
            let isKnown = buffer.retry(token, after: delay) { [settlements] entry in
                settlements.note([SettledDelivery(.retried, at: entry.position, attempts: entry.attempt - 1)])
                settlements.send()
            }
            if !isKnown { reportIgnored(1) }
        case .reject(let reason): reject(token, reason)
        }
    }

    private func reject(_ token: DeliveryToken, _ reason: String) {
        let entry = buffer.remove(token) { entry in
            var outcome = SettledDelivery.Outcome.acknowledged
            if let deadLetterTopic {
                let letter = DeadLetter(
                    rejected: entry.message, reason: reason, topic: topic, group: group, transport: system,
                    attempts: entry.attempt, at: clock.unixMilliseconds)
                outcome = .deadLettered(letter: letter.letter, topic: deadLetterTopic)
            }
            settlements.note([SettledDelivery(outcome, at: entry.position, attempts: entry.attempt)])
        }
        guard entry != nil else { return reportIgnored(1) }
        settlements.send()
        if deadLetterTopic == nil { observers.report(.warning, .messagesDropped(topic: topic, count: 1, reason: reason)) }
    }

    private func reportIgnored(_ count: Int) { observers.reportIgnored(count, of: self, isClosed: closing.hasBegun) }

    // MARK: Leases

    /// Starts the lease of deliveries anew.
    public func renew(_ tokens: [DeliveryToken]) { buffer.renew(tokens) }

    /// What was handed out for too long is for anybody, and with it what waits for it here.
    private func endExpired() {
        var expired: [DeliveryBuffer.Entry] = []
        buffer.withdrawExpired(lease: lease, mustRest: { fetching.restUnlessPulled() }) { entries, behind in
            expired = entries
            settlements.noteReturned(entries, counted: true)
            settlements.noteReturned(behind)
        }
        guard !expired.isEmpty else { return }
        settlements.send()
        for entry in expired {
            observers.report(
                .warning, .leaseExpired(topic: topic, group: group, position: entry.position, attempt: entry.attempt))
        }
    }

    // MARK: End

    /// Pulls return false from now on, and nothing more is fetched.
    public func stopFetching() {
        buffer.stop()
        fetching.cancel()
    }

    /// Waits until the broker has been told everything. Throws what the source has thrown for good.
    public func flush() async throws { try await settlements.flush() }

    /// Gives back what is unsettled, and ends. A broker that does not answer is given up after five seconds.
    public func close() async {
        await closing.run {
            buffer.stop()
            expiry.withLock { $0.take() }?.cancel()
            await fetching.stop()
            await claims.stop()
            giveBack()
            await settlements.end(within: Self.patience)
        }
    }

    private func giveBack() {
        let (held, delayed) = buffer.close()
        settlements.noteReturned(held)
        for (entry, remaining) in delayed { settlements.noteReturned([entry], after: remaining) }
    }
}
