import CRabbitMQ

extension amqp_bytes_t {
    /// The bytes. They belong to whoever has made them.
    var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : len) }

    /// The bytes as text; wrong ones are replaced by U+FFFD.
    var text: String { String(decoding: raw, as: UTF8.self) }

    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(len: bytes.count, bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
}

extension amqp_status_enum {
    /// The status as functions return it.
    var code: Int32 { rawValue }
}

extension Bool {
    /// As the library writes it.
    var amqp: amqp_boolean_t { self ? 1 : 0 }
}
