/// Reads MessagePack from any bytes: what is malformed throws, nothing traps, and no length is trusted.
struct MessagePackReader {
    /// Why bytes are not what was expected.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// How deep values may be nested: deeper ones are refused, since each level takes stack.
    static let maximumDepth = 32

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    /// The number of pairs of the map that comes next; nil, which stands for no map, has none.
    mutating func mapCount() throws(Failure) -> Int {
        let tag = try byte()
        switch tag {
        case 0x80...0x8F: return Int(tag & 0x0F)
        case 0xDE: return Int(try number(2))
        case 0xDF: return Int(try number(4))
        case 0xC0: return 0
        default: throw Failure(description: "it does not begin with a MessagePack map")
        }
    }

    /// The next value, when it is a text or bytes; nil, without moving on, when it is something else.
    @inline(__always)
    mutating func stringBytes() throws(Failure) -> UnsafeRawBufferPointer? {
        guard offset < bytes.count else { throw truncated() }
        let tag = bytes[offset]
        if tag & 0xE0 == 0xA0 {
            offset += 1
            return try take(Int(tag & 0x1F))
        }
        return try longStringBytes(tag)
    }

    private mutating func longStringBytes(_ tag: UInt8) throws(Failure) -> UnsafeRawBufferPointer? {
        let width: Int
        switch tag {
        case 0xD9, 0xC4: width = 1
        case 0xDA, 0xC5: width = 2
        case 0xDB, 0xC6: width = 4
        default: return nil
        }
        offset += 1
        return try take(Int(try number(width)))
    }

    /// The next value as text: text as it is, nil as an empty one, everything else as JSON would write it.
    @inline(__always)
    mutating func text() throws(Failure) -> String {
        if let string = try stringBytes() { return String(decoding: string, as: UTF8.self) }
        return try otherText()
    }

    @inline(never)
    private mutating func otherText() throws(Failure) -> String {
        if bytes[offset] == 0xC0 {
            offset += 1
            return ""
        }
        var text = ""
        try describe(into: &text, depth: 0)
        return text
    }

    private mutating func describe(into text: inout String, depth: Int) throws(Failure) {
        guard depth < Self.maximumDepth else {
            throw Failure(description: "its values are nested deeper than \(Self.maximumDepth) levels")
        }
        if let string = try stringBytes() {
            return Self.quote(String(decoding: string, as: UTF8.self), into: &text)
        }
        let tag = try byte()
        switch tag {
        case 0x00...0x7F: text += "\(tag)"
        case 0xE0...0xFF: text += "\(Int8(bitPattern: tag))"
        case 0xC0: text += "null"
        case 0xC2: text += "false"
        case 0xC3: text += "true"
        case 0xCA: text += "\(Float(bitPattern: UInt32(truncatingIfNeeded: try number(4))))"
        case 0xCB: text += "\(Double(bitPattern: try number(8)))"
        case 0xCC...0xCF: text += "\(try number(1 << Int(tag - 0xCC)))"
        case 0xD0: text += "\(Int8(truncatingIfNeeded: try number(1)))"
        case 0xD1: text += "\(Int16(truncatingIfNeeded: try number(2)))"
        case 0xD2: text += "\(Int32(truncatingIfNeeded: try number(4)))"
        case 0xD3: text += "\(Int64(bitPattern: try number(8)))"
        case 0x80...0x8F: try describeMap(Int(tag & 0x0F), into: &text, depth: depth)
        case 0xDE: try describeMap(Int(try number(2)), into: &text, depth: depth)
        case 0xDF: try describeMap(Int(try number(4)), into: &text, depth: depth)
        case 0x90...0x9F: try describeArray(Int(tag & 0x0F), into: &text, depth: depth)
        case 0xDC: try describeArray(Int(try number(2)), into: &text, depth: depth)
        case 0xDD: try describeArray(Int(try number(4)), into: &text, depth: depth)
        case 0xD4...0xD8: try describeExtension(1 << Int(tag - 0xD4), into: &text)
        case 0xC7: try describeExtension(Int(try number(1)), into: &text)
        case 0xC8: try describeExtension(Int(try number(2)), into: &text)
        case 0xC9: try describeExtension(Int(try number(4)), into: &text)
        default: throw Failure(description: "there is no MessagePack type \(tag), at byte \(offset - 1)")
        }
    }

    private mutating func describeMap(_ count: Int, into text: inout String, depth: Int) throws(Failure) {
        text += "{"
        for index in 0..<count {
            if index > 0 { text += "," }
            try describe(into: &text, depth: depth + 1)
            text += ":"
            try describe(into: &text, depth: depth + 1)
        }
        text += "}"
    }

    private mutating func describeArray(_ count: Int, into text: inout String, depth: Int) throws(Failure) {
        text += "["
        for index in 0..<count {
            if index > 0 { text += "," }
            try describe(into: &text, depth: depth + 1)
        }
        text += "]"
    }

    /// An extension, time stamps among them: its type and its bytes in hexadecimal.
    private mutating func describeExtension(_ count: Int, into text: inout String) throws(Failure) {
        let type = Int8(bitPattern: try byte())
        text += "\"ext(\(type)):"
        for byte in try take(count) {
            text += String(byte >> 4, radix: 16)
            text += String(byte & 0x0F, radix: 16)
        }
        text += "\""
    }

    private static func quote(_ string: String, into text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20: text += "\\u00" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private mutating func byte() throws(Failure) -> UInt8 {
        guard offset < bytes.count else { throw truncated() }
        defer { offset += 1 }
        return bytes[offset]
    }

    /// A number of so many bytes, the highest first.
    private mutating func number(_ width: Int) throws(Failure) -> UInt64 {
        var value: UInt64 = 0
        for byte in try take(width) { value = value << 8 | UInt64(byte) }
        return value
    }

    private mutating func take(_ count: Int) throws(Failure) -> UnsafeRawBufferPointer {
        guard count <= bytes.count - offset else { throw truncated() }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    private func truncated() -> Failure { Failure(description: "it is cut off after \(bytes.count) bytes") }
}
