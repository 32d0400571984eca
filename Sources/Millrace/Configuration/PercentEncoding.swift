/// Percent-encoding of URLs (RFC 3986, section 2.1).
package enum PercentEncoding {
    /// The text, or nil when an escape is malformed or the result is not UTF-8. A plus sign stays one.
    package static func decode(_ text: Substring) -> String? {
        guard text.utf8.contains(0x25) else { return String(text) }
        var bytes: [UInt8] = []
        var source = text.utf8.makeIterator()
        while let byte = source.next() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let high = source.next().flatMap(digit), let low = source.next().flatMap(digit) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
