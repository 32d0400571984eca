import CRdKafka
import Millrace
import MillraceKafka

/// Brokers of librdkafka's own for tests, on free ports of the loopback. What they keep is in memory: at most 5 MiB of a
/// partition; the rest is dropped without a word.
final class MockCluster: @unchecked Sendable {
    // Safe to share: calls of the mock are handed to a thread of its own.
    private let handle: OpaquePointer
    private let cluster: OpaquePointer
    private let brokers: Int32

    /// One cluster for all tests that do not disturb others.
    static let shared = Result { try MockCluster() }

    init(brokers: Int32 = 3) throws {
        let configuration = rd_kafka_conf_new()
        var text = [CChar](repeating: 0, count: 256)
        rd_kafka_conf_set(configuration, "log_level", "0", &text, text.count)
        guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &text, text.count),
            let cluster = rd_kafka_mock_cluster_new(handle, brokers)
        else { throw MillraceError(.invalidState, "no mock cluster", isRetriable: false) }
        (self.handle, self.cluster, self.brokers) = (handle, cluster, brokers)
    }

    deinit {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(handle)
    }

    /// The brokers' addresses.
    var servers: [String] {
        String(cString: rd_kafka_mock_cluster_bootstraps(cluster)).split(separator: ",").map(String.init)
    }

    /// Options for a client of these brokers. The mock makes members of a group wait for their session time-out in places.
    var options: KafkaOptions {
        var options = KafkaOptions(servers: servers)
        options.sessionTimeout = .seconds(6)
        options.revokeTimeout = .seconds(4)
        options.commitInterval = .milliseconds(200)
        options.maximumMessageSize = 4 << 20
        options.properties = ["heartbeat.interval.ms": "200", "fetch.wait.max.ms": "50"]
        return options
    }

    /// Makes a topic with so many partitions; others get four when they are first used.
    func create(_ topic: String, partitions: Int32) {
        rd_kafka_mock_topic_create(cluster, topic, partitions, 1)
    }

    /// Takes all brokers away, or brings them back.
    func set(isDown: Bool) {
        for broker: Int32 in 1...brokers {
            if isDown { rd_kafka_mock_broker_set_down(cluster, broker) } else { rd_kafka_mock_broker_set_up(cluster, broker) }
        }
    }

    /// Answers so many requests of a kind, by its number in Kafka's protocol, with an error.
    func fail(_ request: Int16, with error: rd_kafka_resp_err_t, times: Int) {
        var errors = [rd_kafka_resp_err_t](repeating: error, count: times)
        rd_kafka_mock_push_request_errors_array(cluster, request, times, &errors)
    }

    /// Gives a group to another broker.
    func moveCoordinator(of group: String, to broker: Int32) {
        rd_kafka_mock_coordinator_set(cluster, "group", group, broker)
    }
}
