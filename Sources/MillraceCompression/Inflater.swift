import CZlib
import Millrace

/// Decompresses a payload, piece by piece, into memory that grows with what is really there.
final class Inflater {
    private static let minimumCapacity = 1 << 10
    /// From here on a message keeps the memory instead of copying it.
    private static let sharedMinimum = 1 << 14

    private let limit: Int
    private var buffer: UnsafeMutableRawBufferPointer

    private init(capacity: Int, limit: Int) {
        self.limit = limit
        buffer = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The message with its payload decompressed, and without the metadata key that names the encoding.
    ///
    /// Throws a `MillraceError` of code `decodingFailed`, not retriable, for a payload that is broken or cut short, that has
    /// something behind its end, or that holds more than `limit` bytes.
    static func decompress(_ message: Message, _ encoding: ContentEncoding, limit: Int) throws -> Message {
        var metadata = message.metadata
        metadata[ContentEncoding.metadataKey] = nil
        return try message.payload.withUnsafeBytes { input in
            // A guess. What the payload itself claims is not to be trusted with memory.
            let guess = max(minimumCapacity, min(input.count, 1 << 24) * 4)
            let inflater = Inflater(capacity: min(max(1, limit), guess), limit: limit)
            let count = try inflater.inflate(input, encoding, of: message.id)
            let bytes = UnsafeRawBufferPointer(rebasing: inflater.buffer[..<count])
            if count < sharedMinimum || count < inflater.buffer.count / 2 {
                return Message(id: message.id, copying: bytes, key: message.key, metadata: metadata)
            }
            return Message(id: message.id, borrowing: bytes, owner: inflater, key: message.key, metadata: metadata)
        }
    }

    private func inflate(_ input: UnsafeRawBufferPointer, _ encoding: ContentEncoding, of id: MessageID) throws -> Int {
        var stream = z_stream()
        let started = inflateInit2_(&stream, encoding.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard started == Z_OK else { throw ZlibError.outOfMemory(started) }
        defer { inflateEnd(&stream) }
        var chunks = Chunks(input: input, output: buffer)
        while true {
            chunks.fill(&stream)
            switch CZlib.inflate(&stream, Z_NO_FLUSH) {
            case Z_STREAM_END:
                if chunks.written(by: stream) > limit { throw ZlibError.tooLarge(encoding, id, limit: limit) }
                if chunks.hasReadAll(stream) { return chunks.written(by: stream) }
                // The gzip format may hold several parts, one after the other (RFC 1952, section 2.2).
                guard encoding == .gzip, inflateReset(&stream) == Z_OK else {
                    throw ZlibError.broken(encoding, id, "there is something behind its end")
                }
            case Z_OK, Z_BUF_ERROR:
                if chunks.isOutputFull(stream) {
                    try grow(&chunks, &stream, encoding, id)
                } else if chunks.hasReadAll(stream) {
                    throw ZlibError.broken(encoding, id, "it is cut short")
                }
            case Z_MEM_ERROR: throw ZlibError.outOfMemory(Z_MEM_ERROR)
            default: throw ZlibError.broken(encoding, id, stream.msg.map { String(cString: $0) } ?? "it is not valid")
            }
        }
    }

    private func grow(
        _ chunks: inout Chunks, _ stream: inout z_stream, _ encoding: ContentEncoding, _ id: MessageID
    ) throws {
        guard buffer.count <= limit else { throw ZlibError.tooLarge(encoding, id, limit: limit) }
        // One byte more than allowed, to tell what is just as long as allowed from what is longer.
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(buffer.count * 2, limit == .max ? .max : limit + 1), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
        buffer.deallocate()
        buffer = larger
        chunks.move(to: larger, &stream)
    }
}
