import Millrace

@testable import MillraceRedis

/// Bytes of the wire, written and read for tests.
enum WireBytes {
    /// What `write` writes.
    static func written(capacity: Int = 1, _ write: (inout RESPWriter) -> Void) -> [UInt8] {
        var writer = RESPWriter(capacity: capacity)
        write(&writer)
        return writer.withUnsafeBytes { Array($0) }
    }

    static func text(capacity: Int = 1, _ write: (inout RESPWriter) -> Void) -> String {
        String(decoding: written(capacity: capacity, write), as: UTF8.self)
    }

    /// The bulk strings that `bytes` consist of, or nil when they are anything else.
    static func bulkStrings(_ bytes: [UInt8]) -> [[UInt8]]? {
        var strings: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.removeFirst() == UInt8(ascii: "$"), let end = rest.firstIndex(of: 13),
                let count = Int(String(decoding: rest[..<end], as: UTF8.self)), count >= 0, rest.endIndex >= end + 4 + count,
                rest[(end + 2 + count)..<(end + 4 + count)].elementsEqual([13, 10])
            else { return nil }
            strings.append(Array(rest[(end + 2)..<(end + 2 + count)]))
            rest = rest[(end + 4 + count)...]
        }
        return strings
    }

    /// The message of an entry with the given fields.
    static func decode(_ fields: [(name: [UInt8], value: [UInt8])], entryID: (UInt64, UInt64) = (5, 7)) -> Message {
        // One block for everything, so that the pointers hold.
        let bytes = fields.flatMap { $0.name + $0.value }
        var starts: [Int] = []
        var next = 0
        for field in fields {
            starts.append(next)
            next += field.name.count + field.value.count
        }
        return bytes.withUnsafeBytes { all in
            RedisLayout.decode(fieldCount: fields.count, entryID: entryID) { index in
                let middle = starts[index] + fields[index].name.count
                return (
                    UnsafeRawBufferPointer(rebasing: all[starts[index]..<middle]),
                    UnsafeRawBufferPointer(rebasing: all[middle..<middle + fields[index].value.count])
                )
            }
        }
    }

    static func decode(_ fields: KeyValuePairs<String, [UInt8]>, entryID: (UInt64, UInt64) = (5, 7)) -> Message {
        decode(fields.map { (name: Array($0.key.utf8), value: $0.value) }, entryID: entryID)
    }

    /// What comes back of a message that is written and read.
    static func journey(_ message: Message) -> Message? {
        guard let strings = bulkStrings(written { RedisLayout.encode(message, into: &$0) }), strings.count == 6 else {
            return nil
        }
        return decode(stride(from: 0, to: 6, by: 2).map { (name: strings[$0], value: strings[$0 + 1]) })
    }
}
