/// A message as a broker has it, in bytes: the form in which clients are told what to write, and tell what they have read.
struct WireRecord: Equatable, Sendable {
    /// A field of an entry, a header of a record or message, a column of a row.
    struct Field: Equatable, Sendable {
        let name: [UInt8]
        /// Nil for null, which Kafka has.
        let value: [UInt8]?

        init(_ name: [UInt8], _ value: [UInt8]?) {
            self.name = name
            self.value = value
        }

        init(_ name: String, _ value: String) { self.init(Array(name.utf8), Array(value.utf8)) }
        init(_ name: String, _ value: [UInt8]?) { self.init(Array(name.utf8), value) }
    }

    var fields: [Field] = []
    /// Kafka's.
    var key: [UInt8]?
    var body: [UInt8]?

    /// The same, for brokers to which the order of headers means nothing.
    var sorted: WireRecord {
        var record = self
        record.fields.sort { $0.name.lexicographicallyPrecedes($1.name) }
        return record
    }
}

extension WireRecord: CustomStringConvertible {
    /// Texts as they are, and of what is long the beginning.
    var description: String {
        let fields = fields.map { "\(Self.text($0.name)): \($0.value.map(Self.text) ?? "null")" }
        let key = key.map { ["key \(Self.text($0))"] } ?? []
        let body = body.map { ["body \(Self.text($0))"] } ?? ["no body"]
        return "(\((fields.prefix(20) + key + body).joined(separator: "; ")); \(fields.count) fields)"
    }

    private static func text(_ bytes: [UInt8]) -> String {
        let shown = bytes.prefix(80).map { byte in
            (0x20..<0x7F).contains(byte) ? String(UnicodeScalar(byte)) : "\\x" + String(byte, radix: 16)
        }
        return "'\(shown.joined())'" + (bytes.count > 80 ? "... of \(bytes.count) bytes" : "")
    }
}

extension WireRecord: Codable {
    private enum CodingKeys: String, CodingKey { case fields, key, body }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        fields = try container.decode([HexadecimalPair].self, forKey: .fields).map { Field($0.name.bytes, $0.value?.bytes) }
        key = try container.decodeIfPresent(HexadecimalText.self, forKey: .key)?.bytes
        body = try container.decodeIfPresent(HexadecimalText.self, forKey: .body)?.bytes
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(fields.map { [HexadecimalText($0.name), $0.value.map(HexadecimalText.init)] }, forKey: .fields)
        try container.encodeIfPresent(key.map(HexadecimalText.init), forKey: .key)
        try container.encodeIfPresent(body.map(HexadecimalText.init), forKey: .body)
    }
}

/// A name and a value, which may be null.
private struct HexadecimalPair: Decodable {
    let name: HexadecimalText
    let value: HexadecimalText?

    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        name = try container.decode(HexadecimalText.self)
        value = try container.decodeIfPresent(HexadecimalText.self)
    }
}

/// Bytes as a text of hexadecimal digits.
private struct HexadecimalText: Codable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    init(from decoder: any Decoder) throws {
        let digits = Array(try decoder.singleValueContainer().decode(String.self).utf8)
        bytes = try stride(from: 0, to: digits.count, by: 2).map { index in
            guard index + 1 < digits.count,
                let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
            else {
                throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "not hexadecimal"))
            }
            return byte
        }
    }

    func encode(to encoder: any Encoder) throws {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        var container = encoder.singleValueContainer()
        try container.encode(String(decoding: text, as: UTF8.self))
    }
}
