import CRdKafka
import Foundation

// kafka-mock [BROKERS]   brokers of librdkafka's own, for other processes; prints their addresses, and runs until its standard
//                        input ends
//
// Lines of its input cause faults; each is answered with `ok` or an error:
//
//     topic NAME PARTITIONS       makes a topic
//     down BROKER | up BROKER     takes a broker away, and brings it back
//     rtt BROKER MILLISECONDS     delays its answers
//     leader TOPIC PARTITION BROKER
//     coordinator GROUP BROKER
//     error API CODE COUNT        answers so many requests of a kind with an error

let brokers = CommandLine.arguments.dropFirst().first.flatMap { Int32($0) } ?? 3
var text = [CChar](repeating: 0, count: 256)
let configuration = rd_kafka_conf_new()
rd_kafka_conf_set(configuration, "log_level", "0", &text, text.count)
guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &text, text.count),
    let cluster = rd_kafka_mock_cluster_new(handle, brokers)
else {
    FileHandle.standardError.write(Data("kafka-mock: librdkafka makes no cluster\n".utf8))
    exit(1)
}

/// Prints a line at once, also into a pipe.
func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }

say(String(cString: rd_kafka_mock_cluster_bootstraps(cluster)))

/// Does what a line says. Nil when it says nothing that is known.
func run(_ words: [String]) -> rd_kafka_resp_err_t? {
    let numbers = words.dropFirst().map { Int32($0) ?? 0 }
    switch (words.first, words.count) {
    case ("topic", 3): return rd_kafka_mock_topic_create(cluster, words[1], numbers[1], 1)
    case ("down", 2): return rd_kafka_mock_broker_set_down(cluster, numbers[0])
    case ("up", 2): return rd_kafka_mock_broker_set_up(cluster, numbers[0])
    case ("rtt", 3): return rd_kafka_mock_broker_set_rtt(cluster, numbers[0], numbers[1])
    case ("leader", 4): return rd_kafka_mock_partition_set_leader(cluster, words[1], numbers[1], numbers[2])
    case ("coordinator", 3): return rd_kafka_mock_coordinator_set(cluster, "group", words[1], numbers[1])
    case ("error", 4):
        var errors = [rd_kafka_resp_err_t](repeating: rd_kafka_resp_err_t(numbers[1]), count: Int(numbers[2]))
        rd_kafka_mock_push_request_errors_array(cluster, Int16(numbers[0]), errors.count, &errors)
        return RD_KAFKA_RESP_ERR_NO_ERROR
    default: return nil
    }
}

while let line = readLine() {
    switch run(line.split(separator: " ").map(String.init)) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: say("ok")
    case let error?: say(String(cString: rd_kafka_err2str(error)))
    case nil: say("not a command: \(line)")
    }
}
rd_kafka_mock_cluster_destroy(cluster)
rd_kafka_destroy(handle)
