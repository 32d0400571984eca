import Millrace

/// How far a subscription has got in each of its partitions. Told of by readers, read by the consumer.
final class KafkaProgress: Sendable {
    private struct State {
        var partitions: [KafkaPartition: PartitionProgress] = [:]
        var isCommitDue = false

        /// Has `body` look at the progress of the partition of each of so many messages. Those of one partition come together, and
        /// so it is looked up once for all of them.
        mutating func visit(
            _ count: Int, partition: (Int) -> KafkaPartition, _ body: (Int, inout PartitionProgress) -> Void
        ) {
            var index = 0
            while index < count {
                let current = partition(index)
                guard let slot = partitions.index(forKey: current) else {
                    index += 1
                    continue
                }
                repeat {
                    body(index, &partitions.values[slot])
                    index += 1
                } while index < count && partition(index) == current
            }
        }
    }

    /// A partition that has begun anew, because it ends below where it was to be read.
    struct Reset: Sendable {
        let partition: KafkaPartition
        /// What was to be read next, and what has come in its place.
        let from: Int64
        let to: Int64
    }

    private let state = Lock(State())
    /// Called when there is something to commit, once until ``commit()``. From any thread.
    private let onDirty: @Sendable () -> Void

    init(onDirty: @escaping @Sendable () -> Void) { self.onDirty = onDirty }

    // MARK: Partitions

    /// A partition is read from now on.
    func add(_ partition: KafkaPartition, _ progress: PartitionProgress) {
        change { state in
            state.partitions[partition] = progress
            return progress.isDirty
        }
    }

    /// Partitions go: what still comes of them is nobody's business here.
    func leave(_ partitions: Set<KafkaPartition>) {
        state.withLock { state in for partition in partitions { state.partitions[partition]?.isLeaving = true } }
    }

    func remove(_ partition: KafkaPartition) { state.withLock { $0.partitions[partition] = nil } }

    var partitions: Set<KafkaPartition> { state.withLock { Set($0.partitions.keys) } }

    /// Whether a message's partition is read here.
    func reads(_ position: Position) -> Bool {
        state.withLock { $0.partitions[KafkaPartition(of: position)]?.isLeaving == false }
    }

    /// The offset to read next in each partition.
    var next: [(partition: KafkaPartition, offset: Int64)] {
        state.withLock { $0.partitions.compactMap { partition, progress in progress.next.map { (partition, $0) } } }
    }

    /// The lowest offset of each partition that is not done.
    var low: [(partition: KafkaPartition, offset: Int64)] {
        state.withLock { $0.partitions.compactMap { partition, progress in progress.low.map { (partition, $0) } } }
    }

    // MARK: Messages

    /// Messages have come. Calls `body` with the index of each that is to be handed out, and the number of its attempt. `end` tells how
    /// far a partition goes, if that is known. Neither may call this object. Returns the partitions that have begun anew.
    func arrive(
        _ count: Int, partition: (Int) -> KafkaPartition, offset: (Int) -> Int64, end: (KafkaPartition) -> Int64? = { _ in nil },
        _ body: (_ index: Int, _ attempt: Int) -> Void
    ) -> [Reset] {
        var resets: [Reset] = []
        change { state in
            state.visit(count, partition: partition) { index, progress in
                let (next, beginnings) = (progress.next, progress.beginnings)
                if let attempt = progress.arrive(offset(index), end: end(partition(index))) { body(index, attempt) }
                guard progress.beginnings > beginnings, let next else { return }
                resets.append(Reset(partition: partition(index), from: next, to: offset(index)))
            }
            return !resets.isEmpty
        }
        return resets
    }

    /// Messages are done.
    func finish(_ positions: [Position]) {
        change { state in
            var isDirty = false
            state.visit(positions.count) {
                KafkaPartition(of: positions[$0])
            } _: { index, progress in
                if progress.finish(Int64(truncatingIfNeeded: positions[index].low)) { isDirty = true }
            }
            return isDirty
        }
    }

    /// A message was handed out so often, and comes again.
    func note(attempts: Int, at position: Position) {
        change { state in
            let partition = KafkaPartition(of: position)
            state.partitions[partition]?.note(attempts: attempts, at: Int64(truncatingIfNeeded: position.low))
            return true
        }
    }

    private func change(_ body: (inout State) -> Bool) {
        let mustTell = state.withLock { state -> Bool in
            guard body(&state), !state.isCommitDue else { return false }
            state.isCommitDue = true
            return true
        }
        if mustTell { onDirty() }
    }

    // MARK: Commits

    /// Whether there is something to commit.
    var isDirty: Bool { state.withLock { $0.partitions.values.contains { $0.isDirty } } }

    /// What there is to commit.
    func commit() -> [(partition: KafkaPartition, offset: Int64, note: CommitNote)] {
        state.withLock { state in
            state.isCommitDue = false
            var commits: [(partition: KafkaPartition, offset: Int64, note: CommitNote)] = []
            for partition in state.partitions.keys {
                guard let commit = state.partitions[partition]?.commit() else { continue }
                commits.append((partition, commit.offset, commit.note))
            }
            return commits
        }
    }

    /// What to commit in a transaction.
    func preview() -> ProgressPreview {
        state.withLock { state in
            state.isCommitDue = false
            return ProgressPreview(of: state.partitions)
        }
    }

    /// A transaction was committed.
    func apply(_ preview: ProgressPreview) { state.withLock { preview.apply(to: &$0.partitions) } }

    /// A transaction was not committed: if there is something to commit, it still is.
    func transactionFailed() { change { state in state.partitions.values.contains { $0.isDirty } } }

    func commitFailed(_ partition: KafkaPartition) {
        change { state in
            state.partitions[partition]?.commitFailed()
            return true
        }
    }
}
