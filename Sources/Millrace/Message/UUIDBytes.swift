/// The canonical text of a UUID (RFC 9562, section 4) as bytes, to and from 128 bits, without a `String`.
package enum UUIDBytes {
    @inlinable package static var count: Int { 36 }

    /// Writes the 36 characters.
    @inlinable @inline(__always)
    package static func write(_ high: UInt64, _ low: UInt64, to start: UnsafeMutableRawPointer) {
        let first = digits(UInt32(truncatingIfNeeded: high >> 32))
        let second = digits(UInt32(truncatingIfNeeded: high))
        let third = digits(UInt32(truncatingIfNeeded: low >> 32))
        let fourth = digits(UInt32(truncatingIfNeeded: low))
        start.storeBytes(of: first.bigEndian, as: UInt64.self)
        start.storeBytes(of: 0x2D, toByteOffset: 8, as: UInt8.self)
        start.storeBytes(of: UInt32(truncatingIfNeeded: second >> 32).bigEndian, toByteOffset: 9, as: UInt32.self)
        start.storeBytes(of: 0x2D, toByteOffset: 13, as: UInt8.self)
        start.storeBytes(of: UInt32(truncatingIfNeeded: second).bigEndian, toByteOffset: 14, as: UInt32.self)
        start.storeBytes(of: 0x2D, toByteOffset: 18, as: UInt8.self)
        start.storeBytes(of: UInt32(truncatingIfNeeded: third >> 32).bigEndian, toByteOffset: 19, as: UInt32.self)
        start.storeBytes(of: 0x2D, toByteOffset: 23, as: UInt8.self)
        start.storeBytes(of: UInt32(truncatingIfNeeded: third).bigEndian, toByteOffset: 24, as: UInt32.self)
        start.storeBytes(of: fourth.bigEndian, toByteOffset: 28, as: UInt64.self)
    }

    /// The eight hexadecimal digits of a number, the first in the highest byte: all at once, a nibble to a byte.
    @inlinable @inline(__always)
    package static func digits(_ number: UInt32) -> UInt64 {
        var nibbles = UInt64(number)
        nibbles = (nibbles << 16 | nibbles) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles << 8 | nibbles) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles << 4 | nibbles) & 0x0F0F_0F0F_0F0F_0F0F
        // A nibble of 10 or more overflows into bit 4 when 6 is added; letters lie 0x27 above the digits' row.
        let letters = ((nibbles &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }

    /// The 128 bits, or nil for bytes that ``write(_:_:to:)`` would not give back unchanged.
    @inlinable package static func parse(_ bytes: UnsafeRawBufferPointer) -> (high: UInt64, low: UInt64)? {
        guard bytes.count == count, bytes[8] == 0x2D, bytes[13] == 0x2D, bytes[18] == 0x2D, bytes[23] == 0x2D else {
            return nil
        }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var bad: UInt8 = 0
        for position in 0..<18 where position != 8 && position != 13 {
            high = high << 4 | UInt64(nibble(bytes[position], &bad))
        }
        for position in 19..<36 where position != 23 {
            low = low << 4 | UInt64(nibble(bytes[position], &bad))
        }
        return bad == 0 ? (high, low) : nil
    }

    @inlinable @inline(__always)
    package static func nibble(_ byte: UInt8, _ bad: inout UInt8) -> UInt8 {
        let digit = byte &- 0x30
        if digit < 10 { return digit }
        let letter = byte &- 0x61
        if letter < 6 { return letter + 10 }
        bad = 1
        return 0
    }
}
