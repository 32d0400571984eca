import Millrace

/// What a subscription reads, and how.
struct KafkaPlan: Sendable {
    let selection: KafkaSelection
    let topics: KafkaTopicTable
    let options: SubscriptionOptions
    /// Where messages go that are tried again; nil when they stay in the process.
    let retries: KafkaRetryTopics?
    let start: KafkaStart
    /// The partitions that there are.
    let partitions: [KafkaPartition]
    /// What commits the group's progress together with what was made of its messages; nil when it is committed by itself.
    let transactional: TransactionalProducer?

    var group: String? { options.group }
}
