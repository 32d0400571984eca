import CRdKafka
public import Millrace

extension KafkaTransport {
    /// Has a registry show what only this transport knows, until the collector is removed or the transport is gone.
    ///
    /// | Metric                                  | Labels                       | Means                                              |
    /// | --------------------------------------- | ---------------------------- | -------------------------------------------------- |
    /// | `millrace_kafka_partition_lag_messages` | `topic`, `partition`, `group` | Messages of a partition from the first on that the group has not done, as of the brokers' last answer. For the partitions that are this process's; `group` is empty without one. |
    /// | `millrace_kafka_producer_messages`      |                              | Published messages that are on their way.          |
    @discardableResult
    public func register(in metrics: MetricsRegistry) -> MetricsCollector {
        metrics.onCollect { [weak self] samples in self?.collect(&samples) }
    }

    private func collect(_ samples: inout MetricSamples) {
        samples.gauge(
            "millrace_kafka_producer_messages", help: "Published messages that are on their way.",
            Double(rd_kafka_outq_len(producer.handle.raw)))
        for subscription in openSubscriptions {
            for (topic, partition, lag) in subscription.partitionLags {
                samples.gauge(
                    "millrace_kafka_partition_lag_messages",
                    help: "Messages of a partition from the first on that the group has not done.",
                    labels: ["topic": topic, "partition": "\(partition)", "group": subscription.group ?? ""], Double(lag))
            }
        }
    }
}
