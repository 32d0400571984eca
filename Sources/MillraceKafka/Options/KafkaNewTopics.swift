/// How topics are made that are missing when they are published or subscribed to.
public struct KafkaNewTopics: Sendable, Hashable {
    /// Into how many partitions: as many members of a group can share a topic. Defaults to nil: what the cluster is configured
    /// for. At least 1.
    public var partitions: Int?
    /// On how many brokers each partition is kept. Defaults to nil: what the cluster is configured for. At least 1.
    public var replication: Int?
    /// Configuration of the topics, by Kafka's names: `retention.ms`, `cleanup.policy` and so on. Defaults to none.
    public var configuration: [String: String]

    /// New topics with the given values.
    public init(partitions: Int? = nil, replication: Int? = nil, configuration: [String: String] = [:]) {
        self.partitions = partitions
        self.replication = replication
        self.configuration = configuration
    }

    func validate() throws {
        if let partitions, partitions < 1 || partitions > 1_000_000 {
            throw KafkaOptions.invalid("newTopics.partitions", partitions, "1 to 1,000,000, or nil")
        }
        if let replication, replication < 1 || replication > 32_767 {
            throw KafkaOptions.invalid("newTopics.replication", replication, "1 to 32,767, or nil")
        }
    }
}
