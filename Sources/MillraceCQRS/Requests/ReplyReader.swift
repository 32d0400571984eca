import Millrace

/// Reads the reply inbox until it is closed, and opens it again when its subscription is lost.
final class ReplyReader: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var subscription: (any Subscription)?
        var failure: (any Error)?
    }

    private let topic: String
    private let subscriber: any Subscriber
    private let options: CQRSOptions
    private let take: @Sendable (Message) -> Void
    private let state = Lock(State())
    /// Fires when it is subscribed for the first time, or can't be.
    private let opened = Signal()
    private let stopping = Signal()

    init(
        _ topic: String, _ subscriber: any Subscriber, _ options: CQRSOptions, _ take: @escaping @Sendable (Message) -> Void
    ) {
        self.topic = topic
        self.subscriber = subscriber
        self.options = options
        self.take = take
    }

    /// Whether it could not be opened.
    var hasFailed: Bool { state.withLock { $0.failure != nil } }

    /// Whether it is open, or has been and is opened again.
    var isOpen: Bool { opened.hasFired && !hasFailed }

    /// Waits until it is open, and begins to open it if nobody has. Throws why it could not be.
    func open() async throws {
        state.withLock { state in
            guard state.task == nil else { return }
            // Not a child of the handler that happens to be the first to ask: it works for all of them. Ended by `close`.
            state.task = Task.detached { await self.run() }
        }
        try await opened.wait()
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Ends the reading without waiting for its end.
    func stop() {
        stopping.fire()
        let (task, subscription) = state.withLock { ($0.task, $0.subscription) }
        subscription?.stopFetching()
        // Still waiting for a broker.
        if subscription == nil { task?.cancel() }
    }

    func close() async {
        stop()
        await state.withLock { $0.task }?.value
    }

    private func run() async {
        var failures = FailureStreak(options.replies.restart)
        while !stopping.hasFired {
            do {
                let subscription = try await subscriber.subscribe(to: topic, SubscriptionOptions(prefetch: 1_024))
                failures.begun(at: options.clock.now)
                state.withLock { $0.subscription = subscription }
                if stopping.hasFired { subscription.stopFetching() }
                opened.fire()
                let end = await read(subscription)
                state.withLock { $0.subscription = nil }
                await subscription.close()
                guard !stopping.hasFired else { break }
                throw end ?? MillraceError(.closed, "topic '\(topic)': the subscription ended", isRetriable: true)
            } catch {
                if stopping.hasFired { break }
                guard opened.hasFired, (error as? MillraceError)?.isRetriable ?? true else {
                    // Not open, or lost for good, as when the transport is closed. Whoever asks next tries again.
                    state.withLock { $0.failure = error }
                    break
                }
                await backOff(error, for: failures.failed(at: options.clock.now, random: RandomSource()))
            }
        }
        state.withLock { state in
            if state.failure == nil, !opened.hasFired {
                state.failure = MillraceError(.closed, "the reply inbox '\(topic)' is closed", isRetriable: false)
            }
        }
        opened.fire()
    }

    /// Reads until the subscription ends; returns why if it was lost.
    private func read(_ subscription: any Subscription) async -> (any Error)? {
        var batch = DeliveryBatch()
        do {
            while try await subscription.pull(into: &batch, upTo: 128) {
                for record in batch.records { take(record.message) }
                subscription.acknowledge(batch.records.map(\.token))
                batch.removeAll()
            }
            return nil
        } catch {
            return error
        }
    }

    private func backOff(_ error: any Error, for delay: Duration) async {
        options.observers.report(
            .warning,
            .log(
                message: "the reply inbox is lost and will be opened again", handler: nil,
                fields: [("topic", .text(topic)), ("after", .duration(delay)), ("error", "\(error)")]))
        await stopping.waitUncancellably(upTo: delay, clock: options.clock)
    }
}
