import CRdKafka

@testable import Millrace
@testable import MillraceKafka

/// What a record's headers say, by way of librdkafka's.
struct KafkaFields: Equatable {
    private var id: MessageID?
    private var metadata = Metadata()

    /// Of headers from bytes: each line is one, with its name in front of the first `=`.
    init(_ bytes: [UInt8]) {
        let headers = rd_kafka_headers_new(8)
        defer { rd_kafka_headers_destroy(headers) }
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            let name = line.prefix { $0 != 0x3D }
            let value = Array(line[name.endIndex...].dropFirst())
            name.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer { name in
                // Without a `=` there is no value at all.
                _ = value.withUnsafeBytes {
                    rd_kafka_header_add(
                        headers, name.baseAddress, name.count, line.contains(0x3D) ? $0.baseAddress : nil, $0.count)
                }
            }
        }
        KafkaLayout.read(headers, &id, &metadata)
        // What Kafka has beside the headers does not travel in them.
        for name in [MetadataKey.topic, KafkaMetadata.partition, KafkaMetadata.timestamp, KafkaMetadata.tombstone] {
            metadata[name] = nil
        }
        if id == nil { id = MessageID("topic-0-0") }
    }

    /// Of the headers that a message is written with.
    init(message: Message) {
        let headers = KafkaLayout.headers(of: message)
        defer { rd_kafka_headers_destroy(headers) }
        KafkaLayout.read(headers, &id, &metadata)
    }

    var message: Message { Message(id: id ?? MessageID(""), payload: [UInt8](), key: nil, metadata: metadata) }
}
