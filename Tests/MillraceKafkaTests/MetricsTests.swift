import Millrace
import MillraceKafka
import MillraceTesting
import Testing

extension KafkaTests {
    @Suite("Metrics") struct Metrics {
        @Test("show how far a group is behind in each partition") func lag() async throws {
            let cluster = try MockCluster.shared.get()
            let topic = "metrics-\(MessageID.next())"
            cluster.create(topic, partitions: 2)
            let transport = try await KafkaTransport(cluster.options, observers: Observers())
            let metrics = MetricsRegistry()
            let collector = transport.register(in: metrics)
            for (partition, count) in [(0, 6), (1, 3)] {
                let metadata: Metadata = [KafkaMetadata.partition: "\(partition)"]
                try await transport.publish((0..<count).map { Message(text: "\($0)", metadata: metadata) }, to: topic)
            }
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: topic))
            let records = try await withTimeLimit(KafkaTests.patience, "nine messages") {
                var batch = DeliveryBatch()
                while batch.count < 9, try await reader.pull(into: &batch, upTo: 9 - batch.count) {}
                return Array(batch.records)
            }
            // All of one partition but its last, and of the other one the last alone.
            reader.acknowledge(
                records.filter { ($0.position.high == 0) == ($0.position.low < ($0.position.high == 0 ? 5 : 2)) }
                    .map(\.token))
            #expect(Self.lags(metrics) == ["0": 1, "1": 3])
            reader.acknowledge(records.map(\.token))
            #expect(Self.lags(metrics) == ["0": 0, "1": 0])
            #expect(metrics.collect().contains { $0.name == "millrace_kafka_producer_messages" })
            collector.remove()
            #expect(metrics.collect().isEmpty)
            await transport.close()
        }

        private static func lags(_ metrics: MetricsRegistry) -> [String: Double] {
            let family = metrics.collect().first { $0.name == "millrace_kafka_partition_lag_messages" }
            return (family?.samples ?? []).reduce(into: [:]) { lags, sample in
                guard case .number(let value) = sample.value,
                    let partition = sample.labels["partition"]
                else { return }
                lags[partition] = value
            }
        }
    }
}
