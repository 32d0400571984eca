import CRabbitMQ
import Foundation

@testable import Millrace
@testable import MillraceAMQP

/// The properties of a message as a broker sends them, read by librabbitmq and by the layout.
enum AMQPProperties {
    /// The class of messages.
    private static let messages: UInt16 = 60

    static func complaint(about bytes: [UInt8]) -> String? {
        var pool = amqp_pool_t()
        init_amqp_pool(&pool, 4_096)
        defer { empty_amqp_pool(&pool) }
        var bytes = bytes
        return bytes.withUnsafeMutableBytes { memory in
            var decoded: UnsafeMutableRawPointer?
            let encoded = amqp_bytes_t(len: memory.count, bytes: memory.baseAddress)
            guard amqp_decode_properties(messages, &pool, encoded, &decoded) == 0, let decoded else { return nil }
            var content = AMQPContent()
            content.begin(size: 0, properties: decoded)
            let (message, attempt, _) = AMQPLayout.decode(content, routingKey: "orders")
            guard 1...1_000_000_000 ~= attempt else { return "it is attempt \(attempt)" }
            guard message.metadata.count <= AMQPLayout.maximumMetadata + 16 else { return "\(message.metadata.count) keys" }
            return complaint(about: decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee)
        }
    }

    /// Tables and arrays become JSON.
    private static func complaint(about properties: amqp_basic_properties_t) -> String? {
        guard properties._flags & AMQPFlag.headers != 0 else { return nil }
        for index in 0..<Int(max(0, properties.headers.num_entries)) {
            guard let value = properties.headers.entries?[index].value else { continue }
            let kinds = [AMQP_FIELD_KIND_TABLE, AMQP_FIELD_KIND_ARRAY].map { UInt8(truncatingIfNeeded: $0.rawValue) }
            guard kinds.contains(value.kind) else { continue }
            let text = AMQPFieldText.text(value)
            guard (try? JSONSerialization.jsonObject(with: Data(text.utf8))) != nil else { return "this is no JSON: \(text)" }
        }
        return nil
    }
}
