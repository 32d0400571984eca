import Millrace

/// Fills a subscription's buffer from its source, as far as there is room.
final class FetchLoop: Sendable {
    private struct State {
        /// How many pulls are under way, and whether nothing is fetched until there is one.
        var pulls = 0
        var isResting = false
        var task: Task<Void, Never>?
    }

    private let source: any DeliverySource
    private let buffer: DeliveryBuffer
    private let settlements: SettlementQueue
    private let connection: SourceConnection
    private let isOrdered: Bool
    private let pollInterval: Duration
    private let clock: any SchedulingClock
    private let bell: Bell
    private let state = Lock(State())

    init(
        _ source: any DeliverySource, into buffer: DeliveryBuffer, _ settlements: SettlementQueue, _ connection: SourceConnection,
        isOrdered: Bool, pollInterval: Duration, clock: any SchedulingClock, bell: Bell
    ) {
        self.source = source
        self.buffer = buffer
        self.settlements = settlements
        self.connection = connection
        self.isOrdered = isOrdered
        self.pollInterval = pollInterval
        self.clock = clock
        self.bell = bell
    }

    func start() { state.withLock { $0.task = Task { [self] in await run() } } }

    /// Fetches no more; what is being fetched may still arrive.
    func cancel() { state.withLock { $0.task }?.cancel() }

    /// The same, and waits for it.
    func stop() async {
        let task = state.withLock { $0.task }
        task?.cancel()
        await task?.value
    }

    private func run() async {
        var failures = 0
        var last: Position?
        while !Task.isCancelled {
            let room = state.withLock { $0.isResting } ? 0 : buffer.room()
            guard room > 0 else {
                await bell.wait(clock: clock)
                continue
            }
            settlements.fetchBegins()
            do {
                let entries = try await source.fetch(upTo: room)
                arrive(entries, &last)
                settlements.fetchEnds()
                connection.works()
                failures = 0
                if entries.isEmpty { await bell.wait(upTo: pollInterval, clock: clock) }
            } catch {
                settlements.fetchEnds()
                guard !Task.isCancelled else { return }
                connection.failed(error)
                guard (error as? MillraceError)?.isRetriable == true else { return buffer.lose(error) }
                failures += 1
                try? await clock.sleep(for: connection.delay(after: failures))
            }
        }
    }

    /// What lies before something that has come already was with somebody before, and takes its place among what waits.
    private func arrive(_ entries: [DeliveryBuffer.Entry], _ last: inout Position?) {
        guard !entries.isEmpty else { return }
        let known = last
        let returned = entries.filter { entry in known.map { entry.position <= $0 } ?? false }
        let fresh = entries.filter { entry in known.map { entry.position > $0 } ?? true }
        last = max(entries.map(\.position).max() ?? Position(low: 0), known ?? Position(low: 0))
        // While these were fetched, an earlier message of their key may have been given back: it has to come first.
        let refused = buffer.arrive(returned: returned, fresh: fresh) { entry in
            isOrdered && settlements.isReturning(entry.message.key)
        }
        guard !refused.isEmpty else { return }
        settlements.noteReturned(refused)
        settlements.send()
    }

    // MARK: Pulls

    func pullBegins() {
        let wasResting = state.withLock { state in
            state.pulls += 1
            defer { state.isResting = false }
            return state.isResting
        }
        if wasResting { bell.ring() }
    }

    func pullEnds() { state.withLock { $0.pulls -= 1 } }

    /// A delivery was not settled in time. If nobody asks for more, whoever reads may be stuck: others shall have what there is.
    /// Returns whether that is so. May be called under the buffer's lock.
    func restUnlessPulled() -> Bool {
        state.withLock { state in
            state.isResting = state.pulls == 0
            return state.isResting
        }
    }
}
