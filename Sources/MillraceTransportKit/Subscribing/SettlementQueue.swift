import Millrace

/// What a broker has to be told of deliveries: as many in one call as have come while the last call was under way.
final class SettlementQueue: Sendable {
    fileprivate struct Item {
        let delivery: SettledDelivery
        /// Of what is given back: the key, whose later messages must not be handed out before it has come again.
        let lane: String??
    }

    fileprivate struct State {
        var waiting: [Item] = []
        var underWay: [Item] = []
        /// Keys with messages on their way back, and those whose messages are back, but a fetch began before they were.
        var lanes: [String?: Int] = [:]
        var lanesAfterFetch: [String?] = []
        var isFetching = false
        var flushed: [Signal] = []
        var failure: (any Error)?
        var isEnding = false
    }

    private let source: any DeliverySource
    private let clock: any SchedulingClock
    private let connection: SourceConnection
    private let state = Lock(State())
    private let bell = Bell()
    private let loop = Lock<Task<Void, Never>?>(nil)

    init(_ source: any DeliverySource, _ connection: SourceConnection, clock: any SchedulingClock) {
        self.source = source
        self.connection = connection
        self.clock = clock
    }

    /// Begins to tell the broker.
    func start() { loop.withLock { $0 = Task { [self] in await run() } } }

    // MARK: In

    /// Takes deliveries over; ``send()`` has to be called. May be called under the buffer's lock.
    func note(_ deliveries: [SettledDelivery]) {
        state.withLock { $0.waiting += deliveries.map { Item(delivery: $0, lane: nil) } }
    }

    /// The same for what goes back without its attempt counted; `counted`: with it.
    func noteReturned(_ entries: [DeliveryBuffer.Entry], counted: Bool = false, after delay: Duration = .zero) {
        state.withLock { state in
            for entry in entries {
                state.lanes[entry.message.key, default: 0] += 1
                let attempts = counted ? entry.attempt : entry.attempt - 1
                state.waiting.append(
                    Item(
                        delivery: SettledDelivery(.returned(after: delay), at: entry.position, attempts: attempts),
                        lane: .some(entry.message.key)))
            }
        }
    }

    func send() { bell.ring() }

    /// Whether a message of a key is on its way back. May be called under the buffer's lock.
    func isReturning(_ key: String?) -> Bool { state.withLock { $0.lanes[key] != nil } }

    /// What the broker has not been told yet: the claims to it must not run out.
    var positions: [Position] { state.withLock { ($0.underWay + $0.waiting).map(\.delivery.position) } }

    /// A fetch that began before a message was back may bring what is behind it.
    func fetchBegins() { state.withLock { $0.isFetching = true } }

    /// What the fetch has brought is in the buffer.
    func fetchEnds() {
        state.withLock { state in
            state.isFetching = false
            let lanes = state.lanesAfterFetch
            state.lanesAfterFetch = []
            for lane in lanes { state.leave(lane) }
        }
    }

    // MARK: Out

    private func run() async {
        var failures = 0
        while !Task.isCancelled {
            let deliveries = state.withLock { state in
                state.underWay += state.waiting
                state.waiting = []
                return state.underWay.map(\.delivery)
            }
            guard !deliveries.isEmpty else {
                if state.withLock({ $0.isEnding && $0.waiting.isEmpty }) { break }
                await bell.wait(clock: clock)
                continue
            }
            do {
                try await source.settle(deliveries)
                connection.works()
                failures = 0
                done(nil)
            } catch {
                connection.failed(error)
                guard (error as? MillraceError)?.isRetriable == true else {
                    done(error)
                    continue
                }
                failures += 1
                try? await clock.sleep(for: connection.delay(after: failures))
            }
        }
        await source.close()
        // What a broker that is away was not told comes back when its claims run out.
        state.withLock { $0.waiting = [] }
        done(nil)
    }

    private func done(_ error: (any Error)?) {
        let flushed = state.withLock { state -> [Signal] in
            for case .some(let lane) in state.underWay.map(\.lane) {
                if state.isFetching { state.lanesAfterFetch.append(lane) } else { state.leave(lane) }
            }
            state.underWay = []
            if let error { state.failure = error }
            guard state.waiting.isEmpty else { return [] }
            defer { state.flushed = [] }
            return state.flushed
        }
        for signal in flushed { signal.fire() }
    }

    /// Waits until the broker has been told everything. Throws what it has refused.
    func flush() async throws {
        let signal = Signal()
        let isIdle = state.withLock { state in
            let isIdle = state.waiting.isEmpty && state.underWay.isEmpty
            if !isIdle { state.flushed.append(signal) }
            return isIdle
        }
        bell.ring()
        if !isIdle { try await signal.wait() }
        if let failure = state.withLock({ $0.failure.take() }) { throw failure }
    }

    // MARK: End

    /// Tells what there is, and closes the source after that. Does not wait.
    func end() {
        state.withLock { $0.isEnding = true }
        bell.ring()
    }

    /// The same, and waits for it. A broker that is away is given up after `patience`.
    func end(within patience: Duration) async {
        end()
        let task = loop.withLock { $0 }
        let timer = SystemClock.shared.schedule(after: patience) { task?.cancel() }
        await task?.value
        timer.cancel()
    }
}

extension SettlementQueue.State {
    fileprivate mutating func leave(_ lane: String?) {
        guard let count = lanes[lane] else { return }
        lanes[lane] = count > 1 ? count - 1 : nil
    }
}
