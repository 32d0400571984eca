/// One run of a `Replay`.
final class ReplayPass: Sendable {
    private let subscription: any Subscription
    private let publisher: any Publisher
    private let options: Replay.Options
    private let bucket: TokenBucket?
    private let began: Int64
    /// What is held until the subscription is closed, and whose lease has to be renewed.
    private let held = Lock<Set<DeliveryToken>>([])

    init(_ subscription: any Subscription, to publisher: any Publisher, _ options: Replay.Options) {
        self.subscription = subscription
        self.publisher = publisher
        self.options = options
        began = options.clock.unixMilliseconds
        bucket = options.rate.map { rate in
            TokenBucket(interval: rate.interval.nanosecondsClamped / Int64(rate.count), burst: 1)
        }
    }

    func run(where filter: @Sendable (DeadLetter) -> Bool) async throws -> Replay.Report {
        let renewal = Renewal(clock: options.clock, every: options.lease / 3) { [self] in
            subscription.renew(Array(held.withLock { $0 }))
        }
        defer { renewal.stop() }
        var report = Replay.Report()
        var batch = DeliveryBatch()
        var deadline = options.clock.now.advanced(by: options.idleTimeout)
        while true {
            let room = min(128, options.window - held.withLock { $0.count })
            guard room > 0 else { return report }
            guard try await subscription.pull(into: &batch, upTo: room, until: deadline) else {
                guard options.clock.now >= deadline else {
                    throw MillraceError(
                        .closed, "topic '\(subscription.topic)': the subscription ended during a replay", isRetriable: true)
                }
                report.isComplete = true
                return report
            }
            held.withLock { $0.formUnion(batch.records.map(\.token)) }
            let failedSince = report.failedSince
            for record in batch.records {
                guard let letter = wanted(record.message, filter, &report) else { continue }
                if !options.isDryRun {
                    try await bringBack(letter)
                    held.withLock { _ = $0.remove(record.token) }
                    subscription.acknowledge([record.token])
                }
                report.replayed += 1
                report.replayedTo[letter.topic, default: 0] += 1
                if report.replayed == options.limit { return report }
            }
            // Messages that go on failing do not keep the run from its end.
            if report.failedSince - failedSince < batch.count {
                deadline = options.clock.now.advanced(by: options.idleTimeout)
            } else if options.clock.now >= deadline {
                report.isComplete = true
                return report
            }
            batch.removeAll()
        }
    }

    /// The record of a message that is to be brought back; nil for one that is left, which is counted.
    private func wanted(
        _ message: Message, _ filter: (DeadLetter) -> Bool, _ report: inout Replay.Report
    ) -> DeadLetter? {
        guard let letter = DeadLetter(message), (try? Naming.checkTopic(letter.topic)) != nil else {
            report.withoutRecord += 1
            return nil
        }
        guard letter.lastFailedAt ?? began <= began else {
            report.failedSince += 1
            return nil
        }
        guard filter(letter) else {
            report.skipped += 1
            return nil
        }
        guard letter.replays < options.maximumReplays else {
            report.exhausted += 1
            return nil
        }
        return letter
    }

    private func bringBack(_ letter: DeadLetter) async throws {
        if let delay = bucket?.take(at: options.clock.now), delay > .zero { try await options.clock.sleep(for: delay) }
        var message = letter.message
        message.metadata[MetadataKey.replays] = "\(letter.replays + 1)"
        message.metadata[MetadataKey.replayGroup] = options.onlyFailedGroup ? letter.group : nil
        try await publisher.publish(message, to: letter.topic)
        options.observers.report(.info, .messageReplayed(id: message.id, topic: letter.topic, group: letter.group))
    }
}

/// Does something again and again until it is stopped.
private final class Renewal: Sendable {
    private let timer = Lock<ScheduledTimer?>(nil)
    private let hasStopped = Signal()

    init(clock: any SchedulingClock, every interval: Duration, _ action: @escaping @Sendable () -> Void) {
        schedule(clock, interval, action)
    }

    private func schedule(_ clock: any SchedulingClock, _ interval: Duration, _ action: @escaping @Sendable () -> Void) {
        guard !hasStopped.hasFired else { return }
        let next = clock.schedule(after: interval) { [weak self] in
            guard let self, !hasStopped.hasFired else { return }
            action()
            schedule(clock, interval, action)
        }
        timer.withLock { $0 = next }
    }

    func stop() {
        hasStopped.fire()
        timer.withLock { $0 }?.cancel()
    }
}
