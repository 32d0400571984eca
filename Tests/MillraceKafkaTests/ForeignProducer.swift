import CRdKafka
import Millrace

/// A producer that knows nothing of Millrace's layout.
final class ForeignProducer {
    private let handle: OpaquePointer

    init(_ cluster: MockCluster) throws {
        let configuration = rd_kafka_conf_new()
        var text = [CChar](repeating: 0, count: 256)
        rd_kafka_conf_set(configuration, "bootstrap.servers", cluster.servers.joined(separator: ","), &text, text.count)
        rd_kafka_conf_set(configuration, "message.max.bytes", "4000000", &text, text.count)
        guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &text, text.count) else {
            throw MillraceError(.invalidState, "no producer", isRetriable: false)
        }
        self.handle = handle
    }

    deinit { rd_kafka_destroy(handle) }

    /// Sends a record to partition 0; nil is null.
    func send(_ value: [UInt8]?, key: [UInt8]?, headers: [(String, [UInt8]?)] = [], to topic: String) {
        let list = rd_kafka_headers_new(headers.count)
        for (name, bytes) in headers {
            if let bytes {
                bytes.withUnsafeBytes { _ = rd_kafka_header_add(list, name, name.utf8.count, $0.baseAddress, $0.count) }
            } else {
                rd_kafka_header_add(list, name, name.utf8.count, nil, 0)
            }
        }
        var (value, key) = (value, key)
        let (valueCount, keyCount) = (value?.count ?? 0, key?.count ?? 0)
        let topicHandle = rd_kafka_topic_new(handle, topic, nil)
        defer { rd_kafka_topic_destroy(topicHandle) }
        var vus = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 5)
        func send(_ value: UnsafeMutableRawPointer?, _ key: UnsafeMutableRawPointer?) {
            vus[0].vtype = RD_KAFKA_VTYPE_RKT
            vus[0].u.rkt = topicHandle
            vus[1].vtype = RD_KAFKA_VTYPE_VALUE
            vus[1].u.mem = .init(ptr: value, size: valueCount)
            vus[2].vtype = RD_KAFKA_VTYPE_KEY
            vus[2].u.mem = .init(ptr: key, size: keyCount)
            vus[3].vtype = RD_KAFKA_VTYPE_HEADERS
            vus[3].u.headers = list
            vus[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS
            vus[4].u.i = Int32(RD_KAFKA_MSG_F_COPY)
            if let error = rd_kafka_produceva(handle, vus, vus.count) { rd_kafka_error_destroy(error) }
        }
        Self.withPointer(&value) { value in Self.withPointer(&key) { key in send(value, key) } }
        rd_kafka_flush(handle, 10_000)
    }

    private static func withPointer(_ bytes: inout [UInt8]?, _ body: (UnsafeMutableRawPointer?) -> Void) {
        guard var some = bytes else { return body(nil) }
        some.withUnsafeMutableBytes { body($0.baseAddress) }
    }
}
