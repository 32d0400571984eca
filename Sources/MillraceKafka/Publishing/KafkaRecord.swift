import CRdKafka
import Millrace

/// What a message is to librdkafka: a list of typed values.
struct KafkaRecord {
    private let topic: OpaquePointer?
    private let pointer: UnsafeMutableRawPointer?
    private var partition: Int32 = -1
    private var timestamp: Int64 = 0
    private var isTombstone = false

    init(_ topic: OpaquePointer?, _ pointer: UnsafeMutableRawPointer?) {
        self.topic = topic
        self.pointer = pointer
    }

    /// Takes what is said by ``KafkaMetadata``.
    mutating func read(_ metadata: Metadata, isEmpty: Bool) throws(MillraceError) {
        guard !metadata.isEmpty else { return }
        if let text = metadata[KafkaMetadata.partition] {
            guard let number = Int32(text), number >= 0 else {
                throw Self.invalid(KafkaMetadata.partition, text, "the number of a partition")
            }
            partition = number
        }
        if let text = metadata[KafkaMetadata.timestamp] {
            guard let number = Int64(text), number >= 0 else {
                throw Self.invalid(KafkaMetadata.timestamp, text, "milliseconds since 1970")
            }
            timestamp = number
        }
        if let text = metadata[KafkaMetadata.tombstone] {
            guard text != "true" || isEmpty else {
                throw Self.invalid(KafkaMetadata.tombstone, text, "left out when the payload is not empty")
            }
            isTombstone = text == "true"
        }
    }

    private static func invalid(_ key: String, _ value: String, _ bound: String) -> MillraceError {
        MillraceError(
            .invalidMessage, "metadata '\(key)' is '\(value.prefix(40))', it must be \(bound)", isRetriable: false)
    }

    /// Gives the record to librdkafka, which takes over the headers if it takes it at all.
    func produce(_ message: borrowing Message, _ headers: OpaquePointer?, _ handle: OpaquePointer) -> rd_kafka_resp_err_t {
        message.payload.withUnsafeBytes { payload in
            guard var key = message.key else { return produce(payload, nil, headers, handle) }
            return key.withUTF8 { produce(payload, UnsafeRawBufferPointer($0), headers, handle) }
        }
    }

    private func produce(
        _ payload: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer?, _ headers: OpaquePointer?, _ handle: OpaquePointer
    ) -> rd_kafka_resp_err_t {
        withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: 8) { values in
            var count = 0
            func add(_ type: rd_kafka_vtype_t, _ set: (inout rd_kafka_vu_t) -> Void) {
                // Not initialised as a whole: that would clear sixty-four bytes of padding for each value.
                values[count].vtype = type
                set(&values[count])
                count += 1
            }
            add(RD_KAFKA_VTYPE_RKT) { $0.u.rkt = topic }
            add(RD_KAFKA_VTYPE_OPAQUE) { $0.u.ptr = pointer }
            add(RD_KAFKA_VTYPE_MSGFLAGS) { $0.u.i = Int32(RD_KAFKA_MSG_F_COPY) }
            add(RD_KAFKA_VTYPE_HEADERS) { $0.u.headers = headers }
            if !isTombstone {
                add(RD_KAFKA_VTYPE_VALUE) { $0.u.mem = .init(ptr: Self.start(of: payload), size: payload.count) }
            }
            if let key { add(RD_KAFKA_VTYPE_KEY) { $0.u.mem = .init(ptr: Self.start(of: key), size: key.count) } }
            if partition >= 0 { add(RD_KAFKA_VTYPE_PARTITION) { $0.u.i32 = partition } }
            if timestamp > 0 { add(RD_KAFKA_VTYPE_TIMESTAMP) { $0.u.i64 = timestamp } }
            guard let error = rd_kafka_produceva(handle, values.baseAddress, count) else { return RD_KAFKA_RESP_ERR_NO_ERROR }
            defer { rd_kafka_error_destroy(error) }
            return rd_kafka_error_code(error)
        }
    }

    /// Bytes that are empty are not null.
    private static func start(of bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer {
        bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0) } ?? UnsafeMutableRawPointer(KafkaLayout.nothing)
    }
}
