import Millrace

/// A message as the fields of a stream's entry, and back: the layout of Watermill, so that Go and Swift services share streams.
///
/// | Field                     | Value                                                                                      |
/// | ------------------------- | ------------------------------------------------------------------------------------------ |
/// | `_watermill_message_uuid` | the id as text                                                                             |
/// | `metadata`                | a MessagePack map of text to text; nothing at all, zero bytes, when there is no metadata   |
/// | `payload`                 | the bytes                                                                                  |
///
/// The key travels in the metadata under `MetadataKey.key`.
enum RedisLayout {
    /// How many bulk strings ``encode(_:into:)`` writes.
    static let argumentCount = 6
    /// The most metadata that an entry's reader takes over: putting pairs together takes time by the square of their number.
    static let maximumMetadata = 4_096

    /// Writes the fields and values of a message's entry as six bulk strings.
    @inline(__always)
    static func encode(_ message: borrowing Message, into writer: inout RESPWriter) {
        let id = message.id
        if id.high | id.low != 0 {
            writer.put("$23\r\n_watermill_message_uuid\r\n$36\r\n")
            UUIDBytes.write(id.high, id.low, to: writer.room(UUIDBytes.count))
            writer.advance(UUIDBytes.count)
            writer.endLine()
        } else {
            writer.put("$23\r\n_watermill_message_uuid\r\n")
            writer.bulk(id.description)
        }
        let key = message.key
        let metadata = message.metadata
        if key == nil && metadata.isEmpty {
            writer.put("$8\r\nmetadata\r\n$0\r\n\r\n$7\r\npayload\r\n")
        } else {
            encode(metadata, key: key, into: &writer)
        }
        message.payload.withUnsafeBytes { writer.bulk($0) }
    }

    /// The metadata's field and value, and the name of the payload's.
    private static func encode(_ metadata: Metadata, key: String?, into writer: inout RESPWriter) {
        // The message's own key wins over metadata of that name.
        let hasSpareKey = key != nil && metadata[MetadataKey.key] != nil
        let count = metadata.count + (key == nil ? 0 : 1) - (hasSpareKey ? 1 : 0)
        var size = MessagePack.mapHeaderSize(count)
        if let key { size += MessagePack.size(MetadataKey.key) + MessagePack.size(key) }
        for (name, value) in metadata where !(hasSpareKey && name == MetadataKey.key) {
            size += MessagePack.size(name) + MessagePack.size(value)
        }
        writer.put("$8\r\nmetadata\r\n")
        writer.header(0x24, size)
        writer.messagePackMap(count)
        for (name, value) in metadata where !(hasSpareKey && name == MetadataKey.key) {
            writer.messagePack(name)
            writer.messagePack(value)
        }
        if let key {
            writer.messagePack(MetadataKey.key)
            writer.messagePack(key)
        }
        writer.put("\r\n$7\r\npayload\r\n")
    }
}

extension RedisLayout {
    /// A field of an entry. The pointers need to be valid during ``decode(fieldCount:entryID:field:)`` only.
    typealias Field = (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)

    /// The message of an entry, whoever wrote it. Nothing that an entry may hold makes it fail:
    ///
    /// - Without the field of the id, or when that is empty, the id is that of the entry, `milliseconds-sequence`.
    /// - Without `payload` the payload is empty. Of a field that occurs more than once the last one counts.
    /// - Metadata that is not a MessagePack map, or one of more than ``maximumMetadata`` pairs, is kept as text under
    ///   `MetadataKey.rawMetadata`, and `MetadataKey.decodingFailure` says why. Values that are not text become text.
    /// - Other fields become metadata; where the metadata has the same key, it wins. What goes beyond ``maximumMetadata``
    ///   is left out, and counted under `MetadataKey.omittedFields`. An empty name becomes `MetadataKey.unnamed`.
    /// - Text that is not UTF-8 is repaired: wrong bytes are replaced by U+FFFD.
    ///
    /// - Parameters:
    ///   - fieldCount: How many fields the entry has; may be 0.
    ///   - entryID: The entry's id, milliseconds and sequence.
    ///   - field: The field at an index, from 0.
    @inline(__always)
    static func decode(fieldCount: Int, entryID: (UInt64, UInt64), field: (Int) -> Field) -> Message {
        var record = EntryRecord()
        for index in 0..<max(0, fieldCount) {
            let (name, value) = field(index)
            record.take(name, value)
        }
        return record.message(entryID)
    }
}
