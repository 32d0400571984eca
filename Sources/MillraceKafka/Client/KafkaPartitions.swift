import CRdKafka
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A list of partitions with offsets, as librdkafka takes it; destroyed with its last reference.
final class KafkaPartitions: @unchecked Sendable {
    // Safe to share: whoever makes it hands it on before anybody else has it.
    let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init() { raw = rd_kafka_topic_partition_list_new(8) }

    /// A copy of a list that belongs to somebody else.
    init(copying list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
        raw = rd_kafka_topic_partition_list_copy(list)
    }

    deinit { rd_kafka_topic_partition_list_destroy(raw) }

    var count: Int { Int(raw.pointee.cnt) }
    var isEmpty: Bool { count == 0 }

    subscript(index: Int) -> rd_kafka_topic_partition_t {
        get { raw.pointee.elems[index] }
        set { raw.pointee.elems[index] = newValue }
    }

    /// The partition at an index, by the numbers that a subscription knows it by.
    func partition(at index: Int, _ topics: KafkaTopicTable) -> KafkaPartition {
        let element = self[index]
        return KafkaPartition(element.partition, ofTopic: topics.number(of: element.topic.map { String(cString: $0) } ?? ""))
    }

    func partitions(_ topics: KafkaTopicTable) -> [KafkaPartition] { (0..<count).map { partition(at: $0, topics) } }

    func add(_ topic: String, _ partition: Int32, offset: Int64 = Int64(RD_KAFKA_OFFSET_INVALID), note: String = "") {
        guard let element = rd_kafka_topic_partition_list_add(raw, topic, partition) else { return }
        element.pointee.offset = offset
        guard !note.isEmpty else { return }
        // Librdkafka frees it with the list.
        element.pointee.metadata = UnsafeMutableRawPointer(strdup(note))
        element.pointee.metadata_size = note.utf8.count
    }

    /// The metadata of a committed offset.
    func note(at index: Int) -> String {
        let element = self[index]
        guard let bytes = element.metadata else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: element.metadata_size), as: UTF8.self)
    }
}
