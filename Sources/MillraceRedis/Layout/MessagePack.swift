import Millrace

/// The part of MessagePack that metadata needs: a map of text to text, as the specification lays it out.
enum MessagePack {
    /// The most bytes before the content of a text or a map.
    static let longestHeader = 5

    /// How many bytes a text takes.
    @inline(__always)
    static func size(_ text: String) -> Int {
        let count = text.utf8.count
        return count + (count < 32 ? 1 : count < 0x100 ? 2 : count < 0x1_0000 ? 3 : 5)
    }

    /// How many bytes the header of a map takes.
    @inline(__always)
    static func mapHeaderSize(_ count: Int) -> Int { count < 16 ? 1 : count < 0x1_0000 ? 3 : 5 }
}

extension RESPWriter {
    /// The header of a map of so many pairs: fixmap, map 16 or map 32.
    @inline(__always)
    mutating func messagePackMap(_ count: Int) {
        let start = room(MessagePack.longestHeader)
        if count < 16 {
            start.storeBytes(of: 0x80 | UInt8(truncatingIfNeeded: count), as: UInt8.self)
            advance(1)
        } else {
            messagePackLength(count, short: 0xDE, long: 0xDF)
        }
    }

    /// A text: fixstr, str 8, str 16 or str 32.
    @inline(__always)
    mutating func messagePack(_ text: String) {
        let count = text.utf8.count
        let start = room(MessagePack.longestHeader)
        if count < 32 {
            start.storeBytes(of: 0xA0 | UInt8(truncatingIfNeeded: count), as: UInt8.self)
            advance(1)
        } else if count < 0x100 {
            start.storeBytes(of: 0xD9, as: UInt8.self)
            start.storeBytes(of: UInt8(truncatingIfNeeded: count), toByteOffset: 1, as: UInt8.self)
            advance(2)
        } else {
            messagePackLength(count, short: 0xDA, long: 0xDB)
        }
        put(text)
    }

    private mutating func messagePackLength(_ count: Int, short: UInt8, long: UInt8) {
        let start = room(MessagePack.longestHeader)
        if count < 0x1_0000 {
            start.storeBytes(of: short, as: UInt8.self)
            start.storeBytes(of: UInt16(truncatingIfNeeded: count).bigEndian, toByteOffset: 1, as: UInt16.self)
            advance(3)
        } else {
            start.storeBytes(of: long, as: UInt8.self)
            start.storeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian, toByteOffset: 1, as: UInt32.self)
            advance(5)
        }
    }
}
