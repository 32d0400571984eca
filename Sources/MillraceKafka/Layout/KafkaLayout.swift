import CRdKafka
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A message as a record, and back: the layout of Watermill, so that Go and Swift services share topics.
///
/// | Part of the record                | Value                                                           |
/// | --------------------------------- | --------------------------------------------------------------- |
/// | key                               | the message's key; null without one                             |
/// | value                             | the payload                                                     |
/// | header `_watermill_message_uuid`  | the id as text                                                  |
/// | other headers                     | the metadata, one header for each key, in UTF-8                 |
enum KafkaLayout {
    static let idHeader = "_watermill_message_uuid"
    /// The most metadata that a received message has: putting it together takes time by the square of the number.
    static let maximumMetadata = 4_096

    // MARK: Writing

    /// The headers of a message. Whoever gets them owns them.
    static func headers(of message: borrowing Message) -> OpaquePointer? {
        let metadata = message.metadata
        let headers = rd_kafka_headers_new(metadata.count + 1)
        let id = message.id
        if id.high | id.low != 0 {
            withUnsafeTemporaryAllocation(byteCount: UUIDBytes.count, alignment: 8) { bytes in
                guard let start = bytes.baseAddress else { return }
                UUIDBytes.write(id.high, id.low, to: start)
                _ = rd_kafka_header_add(headers, idHeader, idHeader.utf8.count, start, UUIDBytes.count)
            }
        } else {
            add(idHeader, id.description, to: headers)
        }
        for (name, value) in metadata where !isOwn(name) { add(name, value, to: headers) }
        return headers
    }

    private static func isOwn(_ name: String) -> Bool {
        name.utf8.first == 0x6D
            && (name == MetadataKey.topic || name == KafkaMetadata.partition || name == KafkaMetadata.timestamp
                || name == KafkaMetadata.tombstone)
    }

    private static func add(_ name: String, _ value: String, to headers: OpaquePointer?) {
        var (name, value) = (name, value)
        name.withUTF8 { name in
            value.withUTF8 { value in
                // Without a pointer the value would be null, not empty.
                let bytes: UnsafeRawPointer = value.baseAddress.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(nothing)
                _ = name.withMemoryRebound(to: CChar.self) {
                    rd_kafka_header_add(headers, $0.baseAddress, $0.count, bytes, value.count)
                }
            }
        }
    }

    /// Somewhere to point at for what is empty and not null.
    nonisolated(unsafe) static let nothing = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)

    // MARK: Reading

    /// The message of a record, whoever wrote it. Nothing that a record may hold makes it fail:
    ///
    /// - Without the header of the id, or when that is empty, the id is `topic-partition-offset`.
    /// - Without a value the payload is empty, and metadata says that there was none: see ``KafkaMetadata/tombstone``.
    /// - Of a header that occurs more than once the last one counts; one without a value is empty, one without a name becomes
    ///   `MetadataKey.unnamed`. What goes beyond ``maximumMetadata`` is left out, and counted under
    ///   `MetadataKey.omittedFields`.
    /// - Text that is not UTF-8, in key and headers, is repaired: wrong bytes are replaced by U+FFFD.
    static func decode(
        _ record: UnsafeMutablePointer<rd_kafka_message_t>, topic: String, receivesTimestamps: Bool
    ) -> Message {
        var id: MessageID?
        var metadata = Metadata()
        var headers: OpaquePointer?
        if rd_kafka_message_headers(record, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR {
            read(headers, &id, &metadata)
        }
        let key = record.pointee.key.map {
            String(decoding: UnsafeRawBufferPointer(start: $0, count: record.pointee.key_len), as: UTF8.self)
        }
        if record.pointee.payload == nil { metadata[KafkaMetadata.tombstone] = "true" }
        if receivesTimestamps {
            var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
            let time = rd_kafka_message_timestamp(record, &kind)
            if kind != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE { metadata[KafkaMetadata.timestamp] = "\(time)" }
        }
        return Message(
            id: id ?? MessageID("\(topic)-\(record.pointee.partition)-\(record.pointee.offset)"),
            copying: UnsafeRawBufferPointer(start: record.pointee.payload, count: record.pointee.len), key: key,
            metadata: metadata)
    }

    /// What the headers of a record say.
    static func read(_ headers: OpaquePointer?, _ id: inout MessageID?, _ metadata: inout Metadata) {
        let count = rd_kafka_header_cnt(headers)
        metadata.reserveCapacity(min(max(0, count - 1), maximumMetadata))
        var omitted = 0
        for index in 0..<count {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            guard rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name else {
                continue
            }
            let bytes = UnsafeRawBufferPointer(start: value, count: size)
            if strcmp(name, idHeader) == 0 {
                if let bits = UUIDBytes.parse(bytes) {
                    id = MessageID(high: bits.high, low: bits.low)
                } else if !bytes.isEmpty {
                    id = MessageID(String(decoding: bytes, as: UTF8.self))
                }
            } else if metadata.count < maximumMetadata {
                let name = String(cString: name)
                metadata[name.isEmpty ? MetadataKey.unnamed : name] = String(decoding: bytes, as: UTF8.self)
            } else {
                omitted += 1
            }
        }
        if omitted > 0 { metadata[MetadataKey.omittedFields] = "\(omitted)" }
    }
}
