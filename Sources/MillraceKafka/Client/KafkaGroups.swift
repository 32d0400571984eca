import CRdKafka
import Millrace

/// What the cluster says about consumer groups. All calls block.
struct KafkaGroups: Sendable {
    let handle: KafkaHandle
    let options: KafkaOptions

    /// A partition of a topic, by name.
    struct Partition: Hashable, Sendable {
        let topic: String
        let number: Int32
    }

    /// The names of all groups; nil when the brokers have no list of them.
    func names() throws -> [String]? {
        let what = "the consumer groups"
        return try ask(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, what) { settings, queue in
            rd_kafka_ListConsumerGroups(handle.raw, settings, queue)
        } read: { event in
            let result = rd_kafka_event_ListConsumerGroups_result(event)
            var count = 0
            let errors = rd_kafka_ListConsumerGroups_result_errors(result, &count)
            if count > 0, let error = errors?[0] {
                let code = rd_kafka_error_code(error)
                if Self.isMissing(code) { return nil }
                throw KafkaError.make(code, "\(what): \(KafkaError.name(code))")
            }
            guard let groups = rd_kafka_ListConsumerGroups_result_valid(result, &count) else { return [] }
            return (0..<count).compactMap { index in
                rd_kafka_ConsumerGroupListing_group_id(groups[index]).map { String(cString: $0) }
            }
        }
    }

    /// The offsets that a group has committed, of some partitions or of all; nil when the brokers don't say.
    func committed(by group: String, of partitions: [Partition]? = nil) throws -> [Partition: Int64]? {
        let wanted = partitions.map { _ in KafkaPartitions() }
        for partition in partitions ?? [] { wanted?.add(partition.topic, partition.number) }
        // It takes a copy.
        var request = rd_kafka_ListConsumerGroupOffsets_new(group, wanted?.raw)
        defer { rd_kafka_ListConsumerGroupOffsets_destroy(request) }
        let what = "the offsets of group '\(group)'"
        return try ask(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, what) { settings, queue in
            rd_kafka_ListConsumerGroupOffsets(handle.raw, &request, 1, settings, queue)
        } read: { event in
            var count = 0
            let result = rd_kafka_event_ListConsumerGroupOffsets_result(event)
            guard let results = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count), count == 1 else { return nil }
            if let error = rd_kafka_group_result_error(results[0]) {
                let code = rd_kafka_error_code(error)
                throw KafkaError.make(code, "\(what): \(KafkaError.name(code))")
            }
            var offsets: [Partition: Int64] = [:]
            if let list = rd_kafka_group_result_partitions(results[0]) {
                for index in 0..<Int(list.pointee.cnt) {
                    let element = list.pointee.elems[index]
                    guard element.offset >= 0, let topic = element.topic else { continue }
                    offsets[Partition(topic: String(cString: topic), number: element.partition)] = element.offset
                }
            }
            return offsets
        }
    }

    /// Asks, waits, and gives the answer to `read`; nil when the brokers do not know the question.
    private func ask<Answer>(
        _ operation: rd_kafka_admin_op_t, _ what: String, _ send: (OpaquePointer?, OpaquePointer?) -> Void,
        read: (OpaquePointer) throws -> Answer?
    ) throws -> Answer? {
        var text = [CChar](repeating: 0, count: 256)
        let milliseconds = Int32(options.connectTimeout / .milliseconds(1))
        let queue = rd_kafka_queue_new(handle.raw)
        defer { rd_kafka_queue_destroy(queue) }
        let settings = rd_kafka_AdminOptions_new(handle.raw, operation)
        defer { rd_kafka_AdminOptions_destroy(settings) }
        _ = rd_kafka_AdminOptions_set_request_timeout(settings, milliseconds, &text, text.count)
        send(settings, queue)
        guard let event = rd_kafka_queue_poll(queue, milliseconds + 1_000) else {
            throw MillraceError(.connectionFailed, "\(what): no answer within \(options.connectTimeout)", isRetriable: true)
        }
        defer { rd_kafka_event_destroy(event) }
        let code = rd_kafka_event_error(event)
        if Self.isMissing(code) { return nil }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError.make(code, "\(what): \(KafkaError.name(code))") }
        return try read(event)
    }

    /// Old brokers, and librdkafka's own for tests, have no list of groups.
    private static func isMissing(_ code: rd_kafka_resp_err_t) -> Bool { code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE }
}
