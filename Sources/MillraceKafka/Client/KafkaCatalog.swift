import Millrace

/// Which topics there are, asked without blocking. Those that were found once are not asked for again.
final class KafkaCatalog: Sendable {
    private let options: KafkaOptions
    private let producer: KafkaProducer
    private let known = Lock<Set<String>>([])

    init(_ options: KafkaOptions, _ producer: KafkaProducer) {
        self.options = options
        self.producer = producer
    }

    var cluster: KafkaTopics { KafkaTopics(handle: producer.handle, options: options) }

    /// Makes a topic that is missing, if that is left to the transport.
    func makeSure(of topic: String) async throws {
        guard options.newTopics != nil, !known.withLock({ $0.contains(topic) }) else { return }
        _ = try await partitions(of: KafkaSelection(topic), making: options.newTopics)
    }

    /// The topics that are meant, each with the numbers of its partitions. See `KafkaTopics`.
    func partitions(
        of selection: KafkaSelection, making new: KafkaNewTopics?
    ) async throws -> [(topic: String, numbers: [Int32])] {
        let found = try await KafkaThread.call { [cluster] in try cluster.partitions(of: selection, making: new) }
        known.withLock { $0.formUnion(found.map(\.topic)) }
        return found
    }

    /// The offsets behind the last messages of partitions.
    func ends(of partitions: [KafkaPartition], _ topics: KafkaTopicTable) async throws -> [KafkaPartition: Int64] {
        try await KafkaThread.call { [cluster] in try cluster.ends(of: partitions, topics) }
    }
}
