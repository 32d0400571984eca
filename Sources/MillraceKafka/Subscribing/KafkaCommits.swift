import CRdKafka
import Millrace
import MillraceTransportKit

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Commits a consumer's progress, one commit at a time. On the consumer's loop, but for ``flush()``.
final class KafkaCommits: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    private unowned let consumer: KafkaConsumer
    private let progress: KafkaProgress
    private let options: KafkaOptions
    private let clock: any SchedulingClock
    /// Commits in transactions; nil for subscriptions without them.
    private let transactions: KafkaTransactions?
    private var isUnderWay = false
    /// What is committed at the moment; nil in a transaction as well.
    private var underWay: KafkaPartitions?
    /// Set while a rebalance is known to be in progress: a commit that reaches the coordinator after its end, but was sent before
    /// this member has heard of that, makes librdkafka give up all partitions.
    private var hold: ScheduledTimer?
    /// Knows of rebalances before a commit is refused; nil where librdkafka can do without.
    private let joinWatch: KafkaJoinWatch?
    private var isJoining = false
    private var waiting: [Signal] = []
    private var lastError: MillraceError?

    init(
        _ consumer: KafkaConsumer, _ progress: KafkaProgress, _ options: KafkaOptions, _ clock: any SchedulingClock,
        _ transactions: KafkaTransactions?, _ joinWatch: KafkaJoinWatch?
    ) {
        self.consumer = consumer
        self.progress = progress
        self.options = options
        self.clock = clock
        self.transactions = transactions
        self.joinWatch = joinWatch
    }

    private func take() -> KafkaPartitions {
        let list = KafkaPartitions()
        for commit in progress.commit() {
            list.add(
                consumer.topics.name(of: commit.partition), commit.partition.number, offset: commit.offset,
                note: commit.note.text(at: commit.offset))
        }
        return list
    }

    /// Sends what there is, unless a commit is under way, which is followed by the next one.
    func send() {
        guard consumer.group != nil, !isUnderWay, hold == nil else { return }
        followJoining()
        if isJoining { return progress.isDirty ? holdBack() : release() }
        if let transactions {
            isUnderWay = true
            let covered = waiting
            waiting = []
            return transactions.commitProgress { [weak self, loop = consumer.loop] result in
                loop.execute { [weak self] in self?.ended(result, covered) }
            }
        }
        let list = take()
        guard !list.isEmpty else { return release() }
        let code = rd_kafka_commit_queue(consumer.handle.raw, list.raw, consumer.events.raw, nil, nil)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return failed(list, code) }
        isUnderWay = true
        underWay = list
    }

    /// A commit was answered.
    func ended(_ event: OpaquePointer?) {
        isUnderWay = false
        underWay = nil
        answered(event)
        if waiting.isEmpty || lastError != nil { release() } else { send() }
    }

    /// A commit in a transaction was answered, which some had waited for when it began.
    private func ended(_ result: Result<Void, MillraceError>, _ covered: [Signal]) {
        isUnderWay = false
        if case .failure(let error) = result { lastError = error } else { lastError = nil }
        for signal in covered { signal.fire() }
        if !waiting.isEmpty { send() }
    }

    private func failed(_ list: KafkaPartitions, _ code: rd_kafka_resp_err_t) {
        for partition in list.partitions(consumer.topics) { failed(partition, code) }
        if !isUnderWay { release() }
    }

    private func failed(_ partition: KafkaPartition, _ code: rd_kafka_resp_err_t) {
        lastError = KafkaError.make(code, topic: consumer.topics.name(of: partition))
        // It is tried again with the next commit, if the partition is still this member's.
        progress.commitFailed(partition)
        if code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS { holdBack() }
    }

    // MARK: Rebalances

    private func holdBack() {
        guard hold == nil else { return }
        // In case that nobody says when it ends, and so that nobody waits for it too long.
        let limit = min(options.sessionTimeout, options.connectTimeout)
        hold = consumer.loop.execute(after: limit, clock: clock) { [weak self] in
            guard let self, hold != nil else { return }
            hold = nil
            guard isJoining else { return send() }
            lastError = KafkaError.make(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, topic: consumer.selection.text)
            release()
            holdBack()
        }
    }

    /// Takes note of what librdkafka's log says.
    func followJoining() {
        let wasJoining = isJoining
        isJoining = joinWatch?.look() ?? false
        if wasJoining, !isJoining { rebalanceEnded() }
    }

    /// What this member has was settled anew.
    func rebalanceEnded() {
        guard let hold, !isJoining else { return }
        hold.cancel()
        self.hold = nil
        send()
    }

    private func release() {
        let signals = waiting
        waiting = []
        for signal in signals { signal.fire() }
    }

    /// Commits and waits, up to the connect time-out. From any thread.
    ///
    /// - Throws: The `MillraceError` of the last attempt.
    func flush() async throws {
        guard consumer.group != nil else { return }
        let deadline = SystemClock.shared.now.advanced(by: options.connectTimeout)
        while true {
            let done = Signal()
            let isAccepted = consumer.loop.execute { [self] in
                waiting.append(done)
                lastError = nil
                send()
            }
            guard isAccepted else { return }
            await done.waitUncancellably()
            guard let error = await error() else { return }
            guard error.isRetriable, SystemClock.shared.now < deadline else { throw error }
            try await clock.sleep(for: .milliseconds(50))
        }
    }

    private func error() async -> MillraceError? {
        await withCheckedContinuation { continuation in
            let isAccepted = consumer.loop.execute { [self] in continuation.resume(returning: lastError) }
            if !isAccepted { continuation.resume(returning: nil) }
        }
    }

    /// Commits on the loop's thread and waits for the answer, since the partitions are gone after it. Returns why that was in vain.
    func sendAndWait() -> MillraceError? {
        guard consumer.group != nil else { return nil }
        if let transactions { return transactions.commitProgressAndWait(upTo: options.revokeTimeout) }
        // What is under way may be refused, and its answer comes too late.
        for partition in underWay?.partitions(consumer.topics) ?? [] { progress.commitFailed(partition) }
        let deadline = ContinuousClock.now + min(options.revokeTimeout, .seconds(5))
        while true {
            let list = take()
            guard !list.isEmpty else { return nil }
            lastError = nil
            commit(list, until: deadline)
            guard let error = lastError else { return nil }
            guard error.isRetriable, ContinuousClock.now < deadline else { return error }
            usleep(20_000)
        }
    }

    private func commit(_ list: KafkaPartitions, until deadline: ContinuousClock.Instant) {
        let queue = rd_kafka_queue_new(consumer.handle.raw)
        defer { rd_kafka_queue_destroy(queue) }
        let code = rd_kafka_commit_queue(consumer.handle.raw, list.raw, queue, nil, nil)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return failed(list, code) }
        let left = max(.milliseconds(1), deadline - ContinuousClock.now)
        guard let event = rd_kafka_queue_poll(queue, Int32(left / .milliseconds(1))) else {
            return failed(list, RD_KAFKA_RESP_ERR__TIMED_OUT)
        }
        defer { rd_kafka_event_destroy(event) }
        answered(event)
    }

    /// Takes note of what a commit has led to.
    private func answered(_ event: OpaquePointer?) {
        let code = rd_kafka_event_error(event)
        guard let raw = rd_kafka_event_topic_partition_list(event) else { return }
        let list = KafkaPartitions(copying: raw)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET else { return failed(list, code) }
        lastError = nil
        for index in 0..<list.count where list[index].err != RD_KAFKA_RESP_ERR_NO_ERROR {
            failed(list.partition(at: index, consumer.topics), list[index].err)
        }
    }
}
