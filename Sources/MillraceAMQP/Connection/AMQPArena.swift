import CRabbitMQ

/// A value in a table of arguments, for a queue or an exchange.
public enum AMQPValue: Sendable, Hashable {
    /// Text.
    case text(String)
    /// A whole number.
    case number(Int64)
    /// True or false.
    case flag(Bool)
    /// A table of values.
    case table([String: AMQPValue])
}

/// Memory for what the fields of a method point to, until it has been sent.
final class AMQPArena {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    func bytes(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { utf8 in
            guard let start = utf8.baseAddress, !utf8.isEmpty else { return amqp_bytes_t() }
            let block = UnsafeMutableRawPointer.allocate(byteCount: utf8.count, alignment: 1)
            block.copyMemory(from: start, byteCount: utf8.count)
            blocks.append(block)
            return amqp_bytes_t(len: utf8.count, bytes: block)
        }
    }

    func table(_ values: [String: AMQPValue]) -> amqp_table_t {
        guard !values.isEmpty else { return amqp_table_t() }
        let entries = UnsafeMutablePointer<amqp_table_entry_t>.allocate(capacity: values.count)
        blocks.append(UnsafeMutableRawPointer(entries))
        // In one order, so that the same arguments have the same form.
        for (index, pair) in values.sorted(by: { $0.key < $1.key }).enumerated() {
            entries[index] = amqp_table_entry_t(key: bytes(pair.key), value: field(pair.value))
        }
        return amqp_table_t(num_entries: Int32(values.count), entries: entries)
    }

    private func field(_ value: AMQPValue) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        switch value {
        case .text(let text):
            field.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
            field.value.bytes = bytes(text)
        case .number(let number):
            field.kind = UInt8(AMQP_FIELD_KIND_I64.rawValue)
            field.value.i64 = number
        case .flag(let flag):
            field.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
            field.value.boolean = flag.amqp
        case .table(let values):
            field.kind = UInt8(AMQP_FIELD_KIND_TABLE.rawValue)
            field.value.table = table(values)
        }
        return field
    }
}
