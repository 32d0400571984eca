import CRabbitMQ
import Millrace

/// A field of a foreign producer's headers as text: plain for single values, JSON for tables and arrays.
///
/// Nothing makes it fail: text that is not UTF-8 is repaired, bytes that are not are shown in hexadecimal, and what is nested deeper
/// than ``maximumDepth`` is left out.
enum AMQPFieldText {
    static let maximumDepth = 32

    /// The value as text.
    static func text(_ field: amqp_field_value_t) -> String {
        switch field.kind {
        case kind(AMQP_FIELD_KIND_UTF8): return field.value.bytes.text
        case kind(AMQP_FIELD_KIND_BYTES): return plain(field.value.bytes)
        case kind(AMQP_FIELD_KIND_VOID): return ""
        default:
            var json = ""
            write(field, to: &json, depth: 0)
            return json
        }
    }

    private static func kind(_ kind: amqp_field_value_kind_t) -> UInt8 { UInt8(truncatingIfNeeded: kind.rawValue) }

    private static func plain(_ bytes: amqp_bytes_t) -> String {
        String(validating: bytes.raw, as: UTF8.self) ?? hexadecimal(bytes.raw)
    }

    private static func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func write(_ field: amqp_field_value_t, to json: inout String, depth: Int) {
        let value = field.value
        switch field.kind {
        case kind(AMQP_FIELD_KIND_BOOLEAN): json += value.boolean == 0 ? "false" : "true"
        case kind(AMQP_FIELD_KIND_I8): json += "\(value.i8)"
        case kind(AMQP_FIELD_KIND_U8): json += "\(value.u8)"
        case kind(AMQP_FIELD_KIND_I16): json += "\(value.i16)"
        case kind(AMQP_FIELD_KIND_U16): json += "\(value.u16)"
        case kind(AMQP_FIELD_KIND_I32): json += "\(value.i32)"
        case kind(AMQP_FIELD_KIND_U32): json += "\(value.u32)"
        case kind(AMQP_FIELD_KIND_I64): json += "\(value.i64)"
        case kind(AMQP_FIELD_KIND_U64), kind(AMQP_FIELD_KIND_TIMESTAMP): json += "\(value.u64)"
        // JSON has no other numbers than finite ones.
        case kind(AMQP_FIELD_KIND_F32): json += value.f32.isFinite ? "\(value.f32)" : "\"\(value.f32)\""
        case kind(AMQP_FIELD_KIND_F64): json += value.f64.isFinite ? "\(value.f64)" : "\"\(value.f64)\""
        case kind(AMQP_FIELD_KIND_DECIMAL): json += decimal(value.decimal)
        case kind(AMQP_FIELD_KIND_UTF8): json += JSONText.string(value.bytes.text)
        case kind(AMQP_FIELD_KIND_BYTES): json += JSONText.string(plain(value.bytes))
        case kind(AMQP_FIELD_KIND_ARRAY): write(value.array, to: &json, depth: depth)
        case kind(AMQP_FIELD_KIND_TABLE): write(value.table, to: &json, depth: depth)
        default: json += "null"
        }
    }

    private static func write(_ array: amqp_array_t, to json: inout String, depth: Int) {
        guard depth < maximumDepth else {
            json += "\"...\""
            return
        }
        json += "["
        for index in 0..<Int(max(0, array.num_entries)) {
            if index > 0 { json += "," }
            if let entries = array.entries { write(entries[index], to: &json, depth: depth + 1) }
        }
        json += "]"
    }

    private static func write(_ table: amqp_table_t, to json: inout String, depth: Int) {
        guard depth < maximumDepth else {
            json += "\"...\""
            return
        }
        json += "{"
        for index in 0..<Int(max(0, table.num_entries)) {
            guard let entry = table.entries?[index] else { break }
            if index > 0 { json += "," }
            json += JSONText.string(entry.key.text)
            json += ":"
            write(entry.value, to: &json, depth: depth + 1)
        }
        json += "}"
    }

    /// A number of 32 bits with some of its digits behind the point.
    private static func decimal(_ decimal: amqp_decimal_t) -> String {
        let places = Int(decimal.decimals)
        guard places > 0 else { return "\(decimal.value)" }
        let digits = "\(decimal.value)"
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        return padded.dropLast(places) + "." + padded.suffix(places)
    }
}
