import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What an entry holds, put together field by field.
struct EntryRecord {
    private static let id: StaticString = "_watermill_message_uuid"
    private static let metadata: StaticString = "metadata"
    private static let payload: StaticString = "payload"
    private static let key: StaticString = "millrace-key"

    private var id = UnsafeRawBufferPointer(start: nil, count: 0)
    private var packed = UnsafeRawBufferPointer(start: nil, count: 0)
    private var payload = UnsafeRawBufferPointer(start: nil, count: 0)
    private var metadata = Metadata()
    private var key: String?
    private var omitted = 0

    @inline(__always)
    mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        if Self.isSame(name, Self.payload) {
            payload = value
        } else if Self.isSame(name, Self.metadata) {
            packed = value
        } else if Self.isSame(name, Self.id) {
            id = value
        } else {
            takeOther(name, value)
        }
    }

    @inline(never)
    private mutating func takeOther(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        guard metadata.count < RedisLayout.maximumMetadata else { return omitted += 1 }
        add(name, String(decoding: value, as: UTF8.self))
    }

    @inline(__always)
    private mutating func add(_ name: UnsafeRawBufferPointer, _ value: String) {
        if Self.isSame(name, Self.key) {
            key = value
        } else {
            metadata[name.isEmpty ? MetadataKey.unnamed : String(decoding: name, as: UTF8.self)] = value
        }
    }

    @inline(__always)
    mutating func message(_ entryID: (UInt64, UInt64)) -> Message {
        if !packed.isEmpty { unpack() }
        if omitted > 0 { metadata[MetadataKey.omittedFields] = "\(omitted)" }
        let id: MessageID
        if let bits = UUIDBytes.parse(self.id) {
            id = MessageID(high: bits.high, low: bits.low)
        } else {
            id = MessageID(self.id.isEmpty ? "\(entryID.0)-\(entryID.1)" : String(decoding: self.id, as: UTF8.self))
        }
        return Message(id: id, copying: payload, key: key, metadata: metadata)
    }

    private mutating func unpack() {
        let fields = metadata
        let fieldKey = key
        do throws(MessagePackReader.Failure) {
            try readPairs()
        } catch {
            metadata = fields
            key = fieldKey
            metadata[MetadataKey.decodingFailure] = "field 'metadata' of \(packed.count) bytes: \(error)"
            metadata[MetadataKey.rawMetadata] = String(decoding: packed, as: UTF8.self)
        }
    }

    private mutating func readPairs() throws(MessagePackReader.Failure) {
        var reader = MessagePackReader(packed)
        let count = try reader.mapCount()
        guard count <= RedisLayout.maximumMetadata else {
            throw MessagePackReader.Failure(
                description: "it has \(count) pairs, of which at most \(RedisLayout.maximumMetadata) are read")
        }
        // A pair takes two bytes at least: the count alone reserves nothing.
        metadata.reserveCapacity(metadata.count + min(count, packed.count / 2))
        for _ in 0..<count {
            if let name = try reader.stringBytes() {
                add(name, try reader.text())
            } else {
                var name = try reader.text()
                let value = try reader.text()
                name.withUTF8 { add(UnsafeRawBufferPointer($0), value) }
            }
        }
        guard reader.isAtEnd else {
            throw MessagePackReader.Failure(description: "there are more bytes after the MessagePack map")
        }
    }

    @inline(__always)
    private static func isSame(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
        return memcmp(base, text.utf8Start, bytes.count) == 0
    }
}
