import Dispatch
import Millrace
import MillraceTransportKit

/// A subscription's transactions: what its messages led to is published, and the group's progress is committed, in one step.
///
/// One runs at a time, on a thread that may block; what is wanted meanwhile shares the next one. When it fails for what one call
/// wants, each gets one of its own.
final class KafkaTransactions: @unchecked Sendable {
    // Safe to share: `producer` is used by the one thread that runs transactions.
    private struct State {
        var waiting: [TransactionCall] = []
        var isRunning = false
        var count = 0
        /// Set when the outcome of a transaction is not known.
        var lost: MillraceError?
    }

    private let options: KafkaOptions
    private let id: String
    private let progress: KafkaProgress
    private let topics: KafkaTopicTable
    private let observers: AttachableObservers
    private let consumer: KafkaHandle
    private let onDoubt: @Sendable (MillraceError) -> Void
    private let state = Lock(State())
    private var producer: TransactionalProducer?

    /// - Parameters:
    ///   - producer: What makes the transactions; when it can't any more, another one with its id.
    ///   - consumer: The member whose progress is committed.
    ///   - onDoubt: Called when it is not known whether a transaction was committed, after which there are no more.
    init(
        _ producer: TransactionalProducer, _ options: KafkaOptions, progress: KafkaProgress, topics: KafkaTopicTable,
        of consumer: KafkaHandle, observers: AttachableObservers, onDoubt: @escaping @Sendable (MillraceError) -> Void
    ) {
        self.producer = producer
        id = producer.id
        self.onDoubt = onDoubt
        self.options = options
        self.progress = progress
        self.topics = topics
        self.consumer = consumer
        self.observers = observers
    }

    /// How many transactions were begun.
    var count: Int { state.withLock { $0.count } }

    /// Runs a call in a transaction. From any thread.
    func submit(_ call: TransactionCall) {
        let isFirst = state.withLock { state in
            state.waiting.append(call)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if isFirst { KafkaThread.run { [self] in run() } }
    }

    /// Commits the progress that there is, with nothing published. From any thread.
    func commitProgress(_ whenKnown: @escaping @Sendable (Result<Void, MillraceError>) -> Void) {
        submit(TransactionCall(outputs: [], positions: [], whenKnown: whenKnown))
    }

    /// The same, waiting for the outcome on the caller's thread, but not longer than `limit`. Returns why it was in vain.
    func commitProgressAndWait(upTo limit: Duration) -> MillraceError? {
        let known = DispatchSemaphore(value: 0)
        let failure = Lock<MillraceError?>(nil)
        commitProgress { result in
            if case .failure(let error) = result { failure.withLock { $0 = error } }
            known.signal()
        }
        guard known.wait(timeout: .now() + .milliseconds(Int(limit / .milliseconds(1)))) == .success else {
            return MillraceError(.deadlineExceeded, "a transaction took longer than \(limit)", isRetriable: true)
        }
        return failure.withLock { $0 }
    }

    // MARK: On the thread

    private func run() {
        while true {
            let (calls, lost) = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isRunning = false }
                return (state.waiting, state.lost)
            }
            guard !calls.isEmpty else { return }
            guard let lost else {
                run(calls)
                continue
            }
            // There is nothing to commit any more.
            for call in calls { call.whenKnown(call.positions.isEmpty ? .success(()) : .failure(lost)) }
        }
    }

    private func run(_ calls: [TransactionCall]) {
        var preview = progress.preview()
        var accepted: [TransactionCall] = []
        for call in calls {
            if preview.finish(call.positions) { accepted.append(call) } else { call.whenKnown(.failure(Self.refused)) }
        }
        guard !accepted.isEmpty else { return }
        let result = transact(accepted.flatMap(\.outputs), preview)
        if case .failure(let error) = result, accepted.count > 1, !error.isRetriable {
            for call in accepted { run([call]) }
            return
        }
        switch result {
        case .success: progress.apply(preview)
        case .failure: progress.transactionFailed()
        }
        for call in accepted { call.whenKnown(result) }
    }

    /// Messages that are no longer this member's, or have too many gaps before them: they are to be tried again.
    private static var refused: MillraceError {
        MillraceError(
            .invalidState, "the message's partition has gone to another member, or too many before it are not done",
            isRetriable: true)
    }

    private func transact(_ outputs: [TopicMessages], _ preview: ProgressPreview) -> Result<Void, MillraceError> {
        let commits = preview.commits()
        let offsets = KafkaPartitions()
        for commit in commits {
            offsets.add(
                topics.name(of: commit.partition), commit.partition.number, offset: commit.offset,
                note: commit.note.text(at: commit.offset))
        }
        guard !outputs.isEmpty || !offsets.isEmpty else { return .success(()) }
        var isInDoubt = false
        do {
            let producer = try producer ?? TransactionalProducer.make(options, id: id)
            self.producer = producer
            state.withLock { $0.count += 1 }
            try producer.begin()
            for output in outputs { try producer.produce(output) }
            if !offsets.isEmpty { try producer.send(offsets, of: consumer) }
            try producer.flush()
            isInDoubt = true
            try producer.commit()
            return .success(())
        } catch let failure as TransactionFailure {
            return settle(failure, isInDoubt: isInDoubt && failure.consequence == .fatal)
        } catch {
            return .failure(error as? MillraceError ?? MillraceError(.connectionFailed, "\(error)", isRetriable: true))
        }
    }

    private func settle(_ failure: TransactionFailure, isInDoubt: Bool) -> Result<Void, MillraceError> {
        observers.report(.warning, .disconnected(transport: "kafka", error: failure.error))
        if failure.consequence != .fatal {
            if (try? producer?.abort()) != nil { return .failure(failure.error) }
        }
        // The next one ends whatever this one has left open, and goes on. It is not an error of the messages.
        producer = nil
        let error = MillraceError(failure.error.code, failure.error.message, isRetriable: true)
        if isInDoubt { lose(error) }
        return .failure(error)
    }

    /// A commit was not answered: whether it has taken place, the group's committed progress tells whoever subscribes next. This
    /// subscription must not commit what it believes.
    private func lose(_ error: MillraceError) {
        state.withLock { $0.lost = error }
        onDoubt(
            MillraceError(
                .connectionFailed, "it is not known whether a transaction was committed", underlying: error, isRetriable: true))
    }
}
