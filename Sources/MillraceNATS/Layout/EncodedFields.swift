import Millrace

/// What can't be a header as it is, together in one: `name=value&name=value`, percent-encoded.
///
/// A header is a line: its name ends at a colon, white space around its value is not part of it, and line breaks are not
/// possible.
enum EncodedFields {
    static let header = "millrace-encoded"

    /// Whether a header with this name and value comes out as it goes in.
    static func isPlain(_ name: String, _ value: String) -> Bool { isPlain(name: name) && isPlain(value: value) }

    private static func isPlain(name: String) -> Bool {
        !name.utf8.contains { $0 <= 0x20 || $0 == 0x3A || $0 == 0x7F } && !isReserved(name)
    }

    /// What the server or the layout itself gives a meaning to.
    static func isReserved(_ name: String) -> Bool {
        switch name.utf8.first {
        case 0x4E: name.hasPrefix("Nats-")
        case 0x53: name == "Status"
        case 0x44: name == "Description"
        case 0x5F: name == NATSLayout.idHeader
        case 0x6D: name == header || name == MetadataKey.key
        default: false
        }
    }

    static func isPlain(value: String) -> Bool {
        guard let first = value.utf8.first, let last = value.utf8.last else { return true }
        return first > 0x20 && last > 0x20 && !value.utf8.contains { $0 < 0x20 && $0 != 0x09 }
    }

    /// Adds a field to the text of the others.
    static func append(_ name: String, _ value: String, to text: inout String) {
        if !text.isEmpty { text += "&" }
        encode(name, into: &text)
        text += "="
        encode(value, into: &text)
    }

    private static func encode(_ text: String, into result: inout String) {
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
    }

    /// The fields of a header; what can't be read is left out.
    static func parse(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").compactMap { part in
            guard let equals = part.firstIndex(of: "="), let name = PercentEncoding.decode(part[..<equals]),
                let value = PercentEncoding.decode(part[part.index(after: equals)...])
            else { return nil }
            return (name, value)
        }
    }
}
