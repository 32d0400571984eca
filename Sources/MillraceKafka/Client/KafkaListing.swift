import Millrace

/// Puts topics together from offsets: the first and the last of partitions, and those that groups have committed.
struct KafkaListing {
    typealias Partition = KafkaGroups.Partition

    /// The offsets of each partition's first message, and of the one behind its last.
    let bounds: [Partition: Range<Int64>]
    /// What each group has committed; nil when the cluster does not say.
    let groups: [String: [Partition: Int64]]?

    func topic(_ name: String, partitions: [Int32]) -> TopicDescription {
        let bounds = partitions.compactMap { number -> (Partition, Range<Int64>)? in
            let partition = Partition(topic: name, number: number)
            return self.bounds[partition].map { (partition, $0) }
        }
        let readers = groups?.compactMap { group, offsets -> GroupDescription? in
            guard offsets.keys.contains(where: { $0.topic == name }) else { return nil }
            // Of a partition that it has committed nothing of, it has everything to do.
            let lag = bounds.reduce(0) { $0 + max(0, $1.1.upperBound - max($1.1.lowerBound, offsets[$1.0] ?? 0)) }
            return GroupDescription(name: group, lag: Int(lag))
        }
        return TopicDescription(name: name, messages: Int(bounds.reduce(0) { $0 + Int64($1.1.count) }), groups: readers)
    }
}
