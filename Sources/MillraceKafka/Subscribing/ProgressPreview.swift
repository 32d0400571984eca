import Millrace

/// What a subscription's progress will be when some more of its messages are done: what a transaction commits before it is so.
struct ProgressPreview: Sendable {
    private var partitions: [KafkaPartition: PartitionProgress]
    private var finished: [KafkaPartition: [Int64]] = [:]

    /// A preview of what is there, with nothing more done.
    init(of partitions: [KafkaPartition: PartitionProgress]) { self.partitions = partitions }

    /// Has some messages done as well; false, and nothing is, when they are not all this member's, or not all of them can be
    /// noted beside the offset because of too many gaps.
    mutating func finish(_ positions: [Position]) -> Bool {
        var (partitions, finished) = (partitions, finished)
        for position in positions {
            let (partition, offset) = (KafkaPartition(of: position), Int64(truncatingIfNeeded: position.low))
            guard partitions[partition]?.isOpen(offset) == true, partitions[partition]?.finish(offset) == true else {
                return false
            }
            finished[partition, default: []].append(offset)
        }
        for partition in Set(positions.map(KafkaPartition.init(of:))) {
            guard var copy = partitions[partition], copy.isDirty else { continue }
            guard let commit = copy.commit(), commit.note.isComplete(at: commit.offset) else { return false }
        }
        (self.partitions, self.finished) = (partitions, finished)
        return true
    }

    /// What there is to commit.
    func commits() -> [(partition: KafkaPartition, offset: Int64, note: CommitNote)] {
        partitions.compactMap { partition, progress in
            var progress = progress
            return progress.commit().map { (partition, $0.offset, $0.note) }
        }
    }

    /// Takes over into the real progress what was committed.
    func apply(to real: inout [KafkaPartition: PartitionProgress]) {
        for (partition, preview) in partitions { real[partition]?.adopt(finished[partition] ?? [], as: preview) }
    }
}
