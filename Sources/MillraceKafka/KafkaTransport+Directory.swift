public import Millrace

extension KafkaTransport: TopicDirectory {
    /// The topics that the cluster shows to this user, without those that begin with `__`, which are its own. A group reads a topic when it
    /// has committed an offset of it. Takes two round trips for each partition, and one for each group of the cluster.
    ///
    /// Throws as `TopicDirectory.topics()`. Cancelling the task does not end the wait: a call may take the connect time-out.
    public func topics() async throws -> [TopicDescription] {
        try checkOpen()
        return try await KafkaThread.call { [cluster = catalog.cluster, options, handle = producer.handle] in
            let topics = try cluster.all().filter { !$0.topic.hasPrefix("__") }
            var bounds: [KafkaGroups.Partition: Range<Int64>] = [:]
            for (topic, numbers) in topics {
                for number in numbers {
                    // One that is removed meanwhile has nothing more to say.
                    do {
                        bounds[.init(topic: topic, number: number)] = try cluster.bounds(of: topic, number)
                    } catch let error as MillraceError where error.code == .invalidTopic {}
                }
            }
            let reader = KafkaGroups(handle: handle, options: options)
            var groups: [String: [KafkaGroups.Partition: Int64]]?
            if let names = try reader.names() {
                groups = [:]
                for name in names { groups?[name] = try reader.committed(by: name) ?? [:] }
            }
            let listing = KafkaListing(bounds: bounds, groups: groups)
            return topics.map { listing.topic($0.topic, partitions: $0.numbers) }.sorted { $0.name < $1.name }
        }
    }

    /// Whether the cluster has a topic; all of them, if several are named. True for a pattern, which waits for topics that fit.
    public func hasTopic(_ name: String) async throws -> Bool {
        let selection = try KafkaSelection(name)
        try checkOpen()
        guard !selection.isPattern else { return true }
        let known = try await KafkaThread.call { [cluster = catalog.cluster] in Set(try cluster.all().map(\.topic)) }
        return selection.names.allSatisfy(known.contains)
    }
}
