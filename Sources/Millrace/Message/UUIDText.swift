/// The canonical text of a UUID: 32 lower-case hexadecimal digits in groups of 8-4-4-4-12 (RFC 9562, section 4).
enum UUIDText {
    static func format(_ high: UInt64, _ low: UInt64) -> String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var offset = 0
            func put(_ value: UInt64, digits: Int) {
                var shift = UInt64(4 * digits)
                for _ in 0..<digits {
                    shift -= 4
                    let digit = UInt8(truncatingIfNeeded: (value >> shift) & 0xF)
                    buffer[offset] = digit < 10 ? 0x30 + digit : 0x57 + digit
                    offset += 1
                }
            }
            func dash() {
                buffer[offset] = 0x2D
                offset += 1
            }
            put(high >> 32, digits: 8)
            dash()
            put(high >> 16, digits: 4)
            dash()
            put(high, digits: 4)
            dash()
            put(low >> 48, digits: 4)
            dash()
            put(low, digits: 12)
            return 36
        }
    }

    /// The 128 bits, or nil for any text that ``format(_:_:)`` would not give back unchanged.
    static func parse(_ text: String) -> (high: UInt64, low: UInt64)? {
        let bytes = text.utf8
        guard bytes.count == 36 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for (position, byte) in bytes.enumerated() {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == 0x2D else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x61...0x66: digit = byte - 0x57
            default: return nil
            }
            if digits < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt64(digit) }
            digits += 1
        }
        return (high, low)
    }
}
