import Millrace

/// How topics are made that are missing when they are published or subscribed to.
public struct KafkaNewTopics: Sendable, Hashable {
    /// Into how many partitions: as many members of a group can share a topic. Defaults to nil: what the cluster is configured
    /// for. At least 1.
    public var partitions: Int?
    /// On how many brokers each partition is kept. Defaults to nil: what the cluster is configured for. At least 1.
    public var replication: Int?
    /// Configuration of the topics, by Kafka's names: `retention.ms`, `cleanup.policy` and so on. Defaults to none. Topics for retries keep
    /// what waits in them all the same: see ``KafkaOptions/retryTopics``.
    public var configuration: [String: String]

    /// New topics with the given values.
    public init(partitions: Int? = nil, replication: Int? = nil, configuration: [String: String] = [:]) {
        self.partitions = partitions
        self.replication = replication
        self.configuration = configuration
    }
}

extension KafkaNewTopics {
    /// How a topic for retries is made. What waits in it must not be deleted before its time has come: neither because it is old, nor because
    /// a later message has its key.
    func forRetries(after delay: Duration) -> KafkaNewTopics {
        var new = self
        let name = "retention.ms"
        if let kept = configuration[name].flatMap({ Int64($0) }), kept >= 0 {
            // For as long as is wanted, from the time on at which it is due.
            let (sum, overflow) = kept.addingReportingOverflow(delay.nanosecondsClamped / 1_000_000)
            new.configuration[name] = overflow ? "-1" : "\(sum)"
        } else {
            new.configuration[name] = "-1"
        }
        new.configuration["cleanup.policy"] = "delete"
        return new
    }
}
