import Millrace

/// Metadata as a JSON object of strings, so that people can ask SQLite for `metadata ->> 'traceparent'`.
enum MetadataText {
    static func write(_ metadata: Metadata, into buffer: inout RowBuffer) {
        buffer.append(UInt8(ascii: "{"))
        var isFirst = true
        for (key, value) in metadata {
            if !isFirst { buffer.append(UInt8(ascii: ",")) }
            isFirst = false
            write(key, into: &buffer)
            buffer.append(UInt8(ascii: ":"))
            write(value, into: &buffer)
        }
        buffer.append(UInt8(ascii: "}"))
    }

    private static func write(_ text: String, into buffer: inout RowBuffer) {
        var text = text
        text.withUTF8 { bytes in
            buffer.append(UInt8(ascii: "\""))
            if bytes.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
                for byte in bytes { writeEscaped(byte, into: &buffer) }
            } else {
                buffer.append(UnsafeRawBufferPointer(bytes))
            }
            buffer.append(UInt8(ascii: "\""))
        }
    }

    private static func writeEscaped(_ byte: UInt8, into buffer: inout RowBuffer) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            buffer.append(UInt8(ascii: "\\"))
            buffer.append(byte)
        case 0..<0x20:
            for character in [UInt8(ascii: "\\"), UInt8(ascii: "u"), 0x30, 0x30] { buffer.append(character) }
            for digit in [byte >> 4, byte & 0xF] { buffer.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
        default: buffer.append(byte)
        }
    }

    /// Reads an object whose values are strings; nil for anything else.
    static func read(_ bytes: UnsafeRawBufferPointer) -> Metadata? {
        var reader = MetadataTextReader(bytes)
        return reader.object()
    }
}
