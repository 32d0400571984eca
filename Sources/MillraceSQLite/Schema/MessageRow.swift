import Millrace

/// A message as the columns `uuid`, `key`, `metadata`, `payload` of a row.
enum MessageRow {
    /// Binds the four columns to a statement, from parameter `first` on, and runs it.
    static func insert(
        _ message: borrowing Message, with statement: SQLiteStatement, from first: Int32, buffer: inout RowBuffer
    ) throws {
        buffer.removeAll()
        // All parts first: the buffer may move while it grows.
        let id = message.id
        let isText = !append(id, into: &buffer)
        let idEnd = buffer.count
        let key = message.key
        if var key { key.withUTF8 { buffer.append(UnsafeRawBufferPointer($0)) } }
        let keyEnd = buffer.count
        let metadata = message.metadata
        if !metadata.isEmpty { MetadataText.write(metadata, into: &buffer) }
        if isText {
            try statement.bindText(first, buffer.bytes(0..<idEnd))
        } else {
            try statement.bindBytes(first, buffer.bytes(0..<idEnd))
        }
        if key == nil {
            try statement.bindNull(first + 1)
        } else {
            try statement.bindText(first + 1, buffer.bytes(idEnd..<keyEnd))
        }
        if metadata.isEmpty {
            try statement.bindNull(first + 2)
        } else {
            try statement.bindText(first + 2, buffer.bytes(from: keyEnd))
        }
        try message.payload.withUnsafeBytes { payload in
            try statement.bindBytes(first + 3, payload)
            try statement.run()
        }
    }

    /// Appends an id: 16 bytes for a UUID, otherwise its text. Returns whether it is a UUID.
    static func append(_ id: MessageID, into buffer: inout RowBuffer) -> Bool {
        // Other ids have no bits; the UUID of zeros alone passes for one, and is as good as text.
        if id.high | id.low != 0 {
            buffer.append(id.high)
            buffer.append(id.low)
            return true
        }
        var text = id.description
        text.withUTF8 { buffer.append(UnsafeRawBufferPointer($0)) }
        return false
    }

    /// The message of the row at hand, whose four columns begin at `first`. Takes whatever an application has put there.
    static func read(_ row: SQLiteStatement, from first: Int32) -> Message {
        let key = row.isNull(first + 1) ? nil : row.text(first + 1)
        var metadata = Metadata()
        if !row.isNull(first + 2) {
            let bytes = row.bytes(first + 2)
            if let read = MetadataText.read(bytes) {
                metadata = read
            } else {
                metadata[MetadataKey.decodingFailure] = "the metadata is no JSON object of strings"
                metadata[MetadataKey.rawMetadata] = String(decoding: bytes, as: UTF8.self)
            }
        }
        let id = readID(row, first)
        return Message(id: id, copying: row.bytes(first + 3), key: key, metadata: metadata)
    }

    private static func readID(_ row: SQLiteStatement, _ column: Int32) -> MessageID {
        let bytes = row.bytes(column)
        guard bytes.count == 16, !row.isText(column) else { return MessageID(String(decoding: bytes, as: UTF8.self)) }
        return MessageID(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}
