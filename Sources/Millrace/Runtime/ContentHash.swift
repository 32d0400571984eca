/// A hash of 64 bits that is the same in every process, for telling contents apart that share a name. Fast, and no protection against
/// somebody who looks for collisions.
///
/// Eight bytes at a time are mixed in by a multiplication to 128 bits whose halves are folded, as wyhash does (Wang Yi, 2019).
package struct ContentHash: Sendable {
    private var state: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// A hash of nothing.
    package init() {}

    /// Adds bytes; how many there are counts, so that "ab" and "c" are not "a" and "bc".
    package mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while rest.count >= 8 {
            mix(UInt64(littleEndian: rest.loadUnaligned(as: UInt64.self)))
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(8))
        }
        var last: UInt64 = 0
        for byte in rest.reversed() { last = last << 8 | UInt64(byte) }
        mix(last)
        mix(UInt64(bytes.count) ^ 0xd6e8_feb8_6659_fd93)
    }

    /// Adds the UTF-8 of a text.
    package mutating func combine(_ text: String) {
        var text = text
        text.withUTF8 { combine(UnsafeRawBufferPointer($0)) }
    }

    private mutating func mix(_ word: UInt64) {
        let product = (state ^ word).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
        // A product of zero must not swallow all that was before.
        state = (product.high ^ product.low) &+ 0xe703_7ed1_a0b4_28db
    }

    /// The hash of all that was added.
    package var value: UInt64 { state }
}
