public import Millrace

/// What a subscription holds on this side of a broker: fetched and ready, handed out, behind another one of its key, or
/// waiting for a delay.
///
/// A broker's client puts messages in, from a thread of its own; readers take them out and settle them. The buffer keeps the
/// order of keys, bounds what is held, and knows what has to be told to the broker; talking to it is the transport's part.
/// Messages are known to the broker by their `Position`.
public final class DeliveryBuffer: Sendable {
    /// A message that was fetched.
    public struct Entry: Sendable {
        /// The message.
        public let message: Message
        /// How often it has been handed out, the time at hand included.
        public var attempt: Int
        /// Where it lies in the broker.
        public let position: Position
        var holdsLane = false

        /// An entry of which the transport says how often it has been handed out, this time included.
        public init(message: Message, attempt: Int, position: Position) {
            self.message = message
            self.attempt = attempt
            self.position = position
        }
    }

    private let state: Lock<DeliveryBufferState>
    private let clock: any SchedulingClock
    /// Called when there is room again after ``room`` was found to be too little. Runs on any thread and must not block.
    private let onRoom: @Sendable () -> Void

    /// A buffer.
    ///
    /// - Parameters:
    ///   - prefetch: The most messages that it holds: ready, handed out, behind another one of their key, or waiting for a delay.
    ///   - ordered: Whether messages of one key are handed out one after the other.
    ///   - clock: What delays, deadlines and leases are told by.
    ///   - onRoom: Called when there is room again after ``room()`` was found to be too little. Runs on any thread and must not block.
    public init(
        prefetch: Int, ordered: Ordering, clock: any SchedulingClock, onRoom: @escaping @Sendable () -> Void
    ) {
        state = Lock(DeliveryBufferState(prefetch: prefetch, isOrdered: ordered == .byKey))
        self.clock = clock
        self.onRoom = onRoom
    }

    // MARK: In

    /// How many messages may be fetched; 0 while that is less than what is worth a fetch. `onRoom` is called when that changes.
    public func room() -> Int { state.withLock { $0.room() } }

    /// Takes messages in, in the broker's order.
    public func arrive(_ entries: [Entry]) {
        let waiters = state.withLock { state in
            state.arrive(entries)
            return state.wakeable()
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Takes a message in that is to be handed out after a delay.
    public func arrive(_ entry: Entry, after delay: Duration) {
        let due = clock.now.advanced(by: delay)
        let id = state.withLock { state in
            let id = state.makeID()
            state.delay(entry, id: id, until: due)
            return id
        }
        let timer = clock.schedule(after: delay) { [weak self] in self?.change { $0.endDelay(id) } }
        if !state.withLock({ $0.setTimer(timer, of: id) }) { timer.cancel() }
    }

    /// Takes in messages that came back, and others in the broker's order, but for those that are refused under the lock: whoever
    /// withdraws messages meanwhile has noted so before, or finds these here.
    public func arrive(returned: [Entry], fresh: [Entry], refusing isRefused: (Entry) -> Bool) -> [Entry] {
        var refused: [Entry] = []
        let waiters = state.withLock { state in
            func accepted(_ entries: [Entry]) -> [Entry] {
                let parts = entries.map { ($0, isRefused($0)) }
                refused += parts.filter(\.1).map(\.0)
                return parts.filter { !$0.1 }.map(\.0)
            }
            _ = state.arriveClaimed(accepted(returned))
            state.arrive(accepted(fresh))
            return state.wakeable()
        }
        for waiter in waiters { waiter.resume() }
        return refused
    }

    /// Takes in messages that were handed out before, here or elsewhere, and were claimed anew; each in its place by position among
    /// what waits here, for brokers whose positions have one order. Returns those that were out in this buffer: their deliveries
    /// are over.
    public func arriveClaimed(_ entries: [Entry]) -> [Entry] {
        let (expired, waiters) = state.withLock { state in
            let expired = state.arriveClaimed(entries)
            return (expired, state.wakeable())
        }
        for waiter in waiters { waiter.resume() }
        return expired
    }

    /// Takes a message back in that ``remove(_:_:)`` has taken out, before all that was never handed out.
    public func restore(_ entry: Entry) { change { $0.restore(entry) } }

    /// The subscription is lost: pulls throw from now on.
    public func lose(_ error: any Error) { change { $0.lost = error } }

    // MARK: Out

    /// Waits for messages and hands them out: what `Subscription.pull` does.
    public func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
        try await pull(into: &batch, upTo: limit, until: deadline, unless: nil)
    }

    /// The same. Also returns false, with nothing taken, once `interruption` has fired: for who shares the buffer with others, and ends
    /// or pauses alone.
    package func pull(
        into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?, unless interruption: Signal?
    ) async throws -> Bool {
        while true {
            let now = clock.coarseNow
            let taken = try state.withLock { state in
                if let interruption, interruption.hasFired { return DeliveryBufferState.Taken.ended }
                return try state.take(into: &batch, upTo: limit, now: now)
            }
            switch taken {
            case .some:
                batch.receivedAt = now
                return true
            case .ended: return false
            case .nothing:
                if let deadline, clock.now >= deadline { return false }
                try await park(until: deadline, unless: interruption)
            }
        }
    }

    private func park(until deadline: ClockInstant?, unless interruption: Signal?) async throws {
        let id = state.withLock { $0.makeID() }
        let timer = deadline.map { deadline in
            clock.schedule(at: deadline) { [self] in state.withLock { $0.removeWaiter(id) }?.resume() }
        }
        defer { timer?.cancel() }
        let watch = interruption?.whenFired { [self] in state.withLock { $0.removeWaiter(id) }?.resume() }
        defer { if let watch { interruption?.forget(watch) } }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: DeliveryBufferState.Waiter) in
                let goOn = state.withLock { state -> Bool in
                    if Task.isCancelled || state.canTake || interruption?.hasFired == true { return true }
                    if let deadline, clock.now >= deadline { return true }
                    state.waiters.append((id, continuation))
                    return false
                }
                if goOn { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.removeWaiter(id) }?.resume()
        }
        guard Task.isCancelled || interruption?.hasFired == true else { return }
        // It may have been woken for a message that it does not take.
        change { _ in }
        try Task.checkCancellation()
    }

    // MARK: Settle

    /// Ends deliveries. Returns the messages' positions, for the broker to be told, and how many had been settled before.
    ///
    /// `finished` is given the positions under the lock, so that whoever compares ``allPositions`` with what it has been given
    /// misses none; it must not call the buffer.
    public func finish(
        _ tokens: [DeliveryToken], _ finished: ([Position]) -> Void = { _ in }
    ) -> (positions: [Position], ignored: Int) {
        var positions: [Position] = []
        positions.reserveCapacity(tokens.count)
        let (waiters, hasRoom) = state.withLock { state in
            for token in tokens {
                if let entry = state.finish(token) { positions.append(entry.position) }
            }
            finished(positions)
            return (state.wakeable(), state.noticeRoom())
        }
        for waiter in waiters { waiter.resume() }
        if hasRoom { onRoom() }
        return (positions, tokens.count - positions.count)
    }

    /// Ends one delivery and returns it; nil when it had been settled before.
    /// `removed` is given it under the lock, as with ``finish(_:_:)``.
    public func remove(_ token: DeliveryToken, _ removed: (Entry) -> Void = { _ in }) -> Entry? {
        let (entry, waiters, hasRoom) = state.withLock { state in
            let entry = state.finish(token)
            if let entry { removed(entry) }
            return (entry, state.wakeable(), state.noticeRoom())
        }
        for waiter in waiters { waiter.resume() }
        if hasRoom { onRoom() }
        return entry
    }

    /// The delivery comes back at once, in its old place, as if it had not been handed out. False when it had been settled
    /// before.
    public func release(_ token: DeliveryToken) -> Bool {
        var found = false
        change { state in found = state.release(token) }
        return found
    }

    /// The delivery comes back after a delay, with its attempt counted. Its lane stays closed meanwhile. `whenDue` is
    /// called just before it does. False when it had been settled before.
    public func retry(
        _ token: DeliveryToken, after delay: Duration, whenDue: @escaping @Sendable (Entry) -> Void
    ) -> Bool {
        let due = clock.now.advanced(by: delay)
        let (id, entry, hasRoom) = state.withLock { state -> (UInt64, Entry?, Bool) in
            let id = state.makeID()
            return (id, state.delay(token, id: id, until: due), state.noticeRoom())
        }
        if hasRoom { onRoom() }
        guard let entry else { return false }
        guard delay > .zero else {
            whenDue(entry)
            change { $0.endDelay(id) }
            return true
        }
        let timer = clock.schedule(after: delay) { [weak self] in
            whenDue(entry)
            self?.change { $0.endDelay(id) }
        }
        if !state.withLock({ $0.setTimer(timer, of: id) }) { timer.cancel() }
        return true
    }

    /// Ends one delivery for a broker that is to hand it out again, and with it what is held behind it: the other messages of its
    /// key. False when it had been settled before. `withdrawn` is given both under the lock, as with ``finish(_:_:)``.
    public func withdraw(_ token: DeliveryToken, _ withdrawn: (_ entry: Entry, _ behind: [Entry]) -> Void) -> Bool {
        let (found, waiters, hasRoom) = state.withLock { state -> (Bool, [DeliveryBufferState.Waiter], Bool) in
            guard let (entry, behind) = state.withdraw(token) else { return (false, [], false) }
            withdrawn(entry, behind)
            return (true, state.wakeable(), state.noticeRoom())
        }
        for waiter in waiters { waiter.resume() }
        if hasRoom { onRoom() }
        return found
    }

    /// Ends what was handed out longer than `lease` ago, as ``withdraw(_:_:)`` does; then, if `mustRest` says so, everything that
    /// is ready as well.
    public func withdrawExpired(
        lease: Duration, mustRest: () -> Bool, _ withdrawn: (_ expired: [Entry], _ behind: [Entry]) -> Void
    ) {
        let limit = clock.now.advanced(by: .zero - lease)
        let (waiters, hasRoom) = state.withLock { state in
            var (expired, behind) = state.withdraw(handedOutBefore: limit)
            if !expired.isEmpty, mustRest() { behind += state.withdrawReady() }
            if !expired.isEmpty { withdrawn(expired, behind) }
            return (state.wakeable(), state.noticeRoom())
        }
        for waiter in waiters { waiter.resume() }
        if hasRoom { onRoom() }
    }

    /// Ends everything, for a broker that has given it to others, and goes on. Returns how many messages there were.
    public func withdrawAll() -> Int {
        let now = clock.now
        let (count, hasRoom) = state.withLock { state in
            let (held, delayed) = state.removeAll(now: now)
            return (held.count + delayed.count, state.noticeRoom())
        }
        if hasRoom { onRoom() }
        return count
    }

    /// The positions of deliveries that are out.
    public func positions(of tokens: [DeliveryToken]) -> [Position] {
        state.withLock { state in tokens.compactMap { state.entry(of: $0)?.position } }
    }

    /// Where the message of a delivery that is out lies, and which attempt it is; nil when it has been settled.
    public func delivery(of token: DeliveryToken) -> (position: Position, attempt: Int)? {
        state.withLock { state in state.entry(of: token).map { ($0.position, $0.attempt) } }
    }

    /// How many messages are held and not handed out.
    public var waitingCount: Int { state.withLock { $0.waitingCount } }

    /// The positions of what is held and not handed out: its lease is the buffer's business.
    public var heldPositions: [Position] { state.withLock { $0.heldPositions } }

    /// The positions of everything that is held, handed out or not.
    public var allPositions: [Position] { state.withLock { $0.heldPositions + $0.outPositions } }

    /// Takes out what is held, matches, and is not with a reader: it belongs to somebody else from now on.
    public func withdraw(where matches: (Position) -> Bool) -> [Entry] {
        var withdrawn: [Entry] = []
        change { withdrawn = $0.withdraw(where: matches) }
        if state.withLock({ $0.noticeRoom() }) { onRoom() }
        return withdrawn
    }

    /// How many of those that match are with a reader.
    public func outCount(where matches: (Position) -> Bool) -> Int {
        state.withLock { $0.outPositions.count(where: matches) }
    }

    /// Starts the local lease of deliveries anew.
    public func renew(_ tokens: [DeliveryToken]) {
        let now = clock.coarseNow
        state.withLock { state in for token in tokens { state.renew(token, now: now) } }
    }

    /// Takes back what was handed out longer than `lease` ago, for brokers that keep no leases.
    public func expire(lease: Duration) -> [Entry] {
        var expired: [Entry] = []
        let limit = clock.now.advanced(by: .zero - lease)
        change { state in expired = state.expire(handedOutBefore: limit) }
        return expired
    }

    /// Takes back those deliveries that were handed out longer than `lease` ago, for readers of one buffer with leases of their own.
    public func expire(_ tokens: some Sequence<DeliveryToken>, lease: Duration) -> [Entry] {
        var expired: [Entry] = []
        let limit = clock.now.advanced(by: .zero - lease)
        change { state in expired = tokens.compactMap { state.expire($0, handedOutBefore: limit) } }
        return expired
    }

    // MARK: Live and end

    /// Pulls wait until the pause ends.
    public func pause() { change { $0.isPaused = true } }
    /// Ends the pause.
    public func resume() { change { $0.isPaused = false } }
    /// Pulls return false from now on.
    public func stop() { change { $0.isStopped = true } }

    /// Ends everything and returns what is unsettled.
    public func close() -> (held: [Entry], delayed: [(entry: Entry, remaining: Duration)]) {
        let now = clock.now
        var unsettled: (held: [Entry], delayed: [(entry: Entry, remaining: Duration)]) = ([], [])
        change { state in
            state.isStopped = true
            unsettled = state.removeAll(now: now)
        }
        return unsettled
    }

    /// Changes the state and lets readers look again.
    private func change(_ body: (inout DeliveryBufferState) -> Void) {
        let waiters = state.withLock { state in
            body(&state)
            return state.wakeable()
        }
        for waiter in waiters { waiter.resume() }
    }
}
