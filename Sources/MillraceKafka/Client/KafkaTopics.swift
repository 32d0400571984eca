import CRdKafka
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the cluster says about topics. All calls block.
struct KafkaTopics: Sendable {
    let handle: KafkaHandle
    let options: KafkaOptions

    /// Throws why no broker can be reached.
    func check() throws {
        var found: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(handle.raw, 0, nil, &found, Int32(options.connectTimeout / .milliseconds(1)))
        if let found { rd_kafka_metadata_destroy(found) }
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw KafkaError.make(
            code, "\(options): no broker within \(options.connectTimeout): \(KafkaError.name(code))")
    }

    /// The numbers of a topic's partitions, which are waited for if the topic is being made.
    ///
    /// - Throws: A `MillraceError`: `invalidTopic` when there is no such topic and none is made, `connectionFailed`.
    func partitions(of topic: String, making new: KafkaNewTopics?) throws -> [Int32] {
        let deadline = ContinuousClock.now + options.connectTimeout
        var hasAsked = false
        while true {
            let left = deadline - ContinuousClock.now
            let result = metadata(of: topic, timeout: max(.milliseconds(1), left))
            switch result {
            case .success(let partitions): return partitions
            case .failure(let error):
                let isMissing = error.code == .invalidTopic
                guard error.isRetriable || isMissing, left > .zero else { throw error }
                if isMissing, let new, !hasAsked {
                    hasAsked = true
                    try create(topic, new, timeout: left)
                }
                // A broker that makes topics by itself needs a moment for it.
                usleep(20_000)
            }
        }
    }

    /// The topics that are meant, each with the numbers of its partitions. Those that are named are waited for; of a pattern there
    /// may be none.
    ///
    /// `new` says how those are made that are missing; nil: they are not.
    ///
    /// - Throws: As ``partitions(of:making:)-(String,_)``.
    func partitions(of selection: KafkaSelection, making new: KafkaNewTopics?) throws -> [(topic: String, numbers: [Int32])] {
        guard selection.isPattern else { return try selection.names.map { ($0, try partitions(of: $0, making: new)) } }
        let all = try all()
        let meant = Set(try selection.matching(all.map(\.topic)))
        return all.filter { meant.contains($0.topic) }
    }

    func all() throws -> [(topic: String, numbers: [Int32])] {
        var found: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(handle.raw, 1, nil, &found, Int32(options.connectTimeout / .milliseconds(1)))
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found else {
            throw KafkaError.make(code, "\(options): the topics are not known: \(KafkaError.name(code))")
        }
        defer { rd_kafka_metadata_destroy(found) }
        return (0..<Int(found.pointee.topic_cnt)).compactMap { index in
            let entry = found.pointee.topics[index]
            guard entry.err == RD_KAFKA_RESP_ERR_NO_ERROR, let name = entry.topic else { return nil }
            return (String(cString: name), (0..<Int(entry.partition_cnt)).map { entry.partitions[$0].id })
        }
    }

    private func metadata(of topic: String, timeout: Duration) -> Result<[Int32], MillraceError> {
        let topicHandle = rd_kafka_topic_new(handle.raw, topic, nil)
        defer { rd_kafka_topic_destroy(topicHandle) }
        var found: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(handle.raw, 0, topicHandle, &found, Int32(timeout / .milliseconds(1)))
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found else { return .failure(KafkaError.make(code, topic: topic)) }
        defer { rd_kafka_metadata_destroy(found) }
        guard found.pointee.topic_cnt == 1, let entry = found.pointee.topics?.pointee else {
            return .failure(KafkaError.make(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, topic: topic))
        }
        guard entry.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return .failure(KafkaError.make(entry.err, topic: topic)) }
        guard entry.partition_cnt > 0 else {
            return .failure(KafkaError.make(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, topic: topic))
        }
        return .success((0..<Int(entry.partition_cnt)).map { entry.partitions[$0].id })
    }

    /// Makes a topic. One that somebody else has made meanwhile is as good.
    private func create(_ topic: String, _ new: KafkaNewTopics, timeout: Duration) throws {
        var text = [CChar](repeating: 0, count: 256)
        guard
            var made = rd_kafka_NewTopic_new(
                topic, Int32(new.partitions ?? -1), Int32(new.replication ?? -1), &text, text.count)
        else { throw MillraceError(.invalidTopic, "topic '\(topic)': \(KafkaHandle.string(text))", isRetriable: false) }
        defer { rd_kafka_NewTopic_destroy(made) }
        for (name, value) in new.configuration { _ = rd_kafka_NewTopic_set_config(made, name, value) }
        let queue = rd_kafka_queue_new(handle.raw)
        defer { rd_kafka_queue_destroy(queue) }
        let settings = rd_kafka_AdminOptions_new(handle.raw, RD_KAFKA_ADMIN_OP_CREATETOPICS)
        defer { rd_kafka_AdminOptions_destroy(settings) }
        let milliseconds = Int32(timeout / .milliseconds(1))
        _ = rd_kafka_AdminOptions_set_request_timeout(settings, milliseconds, &text, text.count)
        withUnsafeMutablePointer(to: &made) { made in
            made.withMemoryRebound(to: OpaquePointer?.self, capacity: 1) {
                rd_kafka_CreateTopics(handle.raw, $0, 1, settings, queue)
            }
        }
        guard let event = rd_kafka_queue_poll(queue, milliseconds + 1_000) else {
            throw MillraceError(.connectionFailed, "topic '\(topic)': not made within \(timeout)", isRetriable: true)
        }
        defer { rd_kafka_event_destroy(event) }
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError.make(code, topic: topic) }
        var count = 0
        guard let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count), count == 1,
            let result = results[0]
        else { return }
        let error = rd_kafka_topic_result_error(result)
        guard error != RD_KAFKA_RESP_ERR_NO_ERROR, error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS else { return }
        let detail = rd_kafka_topic_result_error_string(result).map { String(cString: $0) }
        throw MillraceError(
            .invalidTopic, "topic '\(topic)' was not made: \(detail ?? KafkaError.name(error))", isRetriable: false)
    }

    /// The offsets of a partition's first message, and of the one behind its last.
    func bounds(of topic: String, _ partition: Int32) throws -> Range<Int64> {
        var (low, high): (Int64, Int64) = (0, 0)
        let code = rd_kafka_query_watermark_offsets(
            handle.raw, topic, partition, &low, &high, Int32(options.connectTimeout / .milliseconds(1)))
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError.make(code, topic: topic) }
        return low..<max(low, high)
    }

    /// The offsets behind the last messages of partitions.
    func ends(of partitions: [KafkaPartition], _ topics: KafkaTopicTable) throws -> [KafkaPartition: Int64] {
        let deadline = ContinuousClock.now + options.connectTimeout
        var ends: [KafkaPartition: Int64] = [:]
        for partition in partitions {
            let topic = topics.name(of: partition)
            while true {
                let left = max(.milliseconds(1), deadline - ContinuousClock.now)
                var (low, high): (Int64, Int64) = (0, 0)
                let code = rd_kafka_query_watermark_offsets(
                    handle.raw, topic, partition.number, &low, &high, Int32(left / .milliseconds(1)))
                if code == RD_KAFKA_RESP_ERR_NO_ERROR {
                    ends[partition] = high
                    break
                }
                let error = KafkaError.make(code, topic: topic)
                guard error.isRetriable, ContinuousClock.now < deadline else { throw error }
                usleep(20_000)
            }
        }
        return ends
    }
}
