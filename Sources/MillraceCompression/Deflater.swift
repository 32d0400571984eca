import CZlib
import Millrace

/// Compresses a payload in one go.
enum Deflater {
    private static let memoryLevel: Int32 = 8

    /// The message with its payload compressed, or nil when that would not make it smaller.
    static func compress(_ message: Message, as encoding: ContentEncoding, level: Int32) throws -> Message? {
        var metadata = message.metadata
        metadata[ContentEncoding.metadataKey] = encoding.rawValue
        return try message.payload.withUnsafeBytes { input -> Message? in
            if input.isEmpty { return nil }
            var isSmaller = false
            // No room for what is not smaller: zlib then stops early.
            let compressed = try Message(
                id: message.id, key: message.key, metadata: metadata, unsafeUninitializedCapacity: input.count
            ) { output in
                guard let count = try compress(input, into: output, encoding, level) else { return 0 }
                isSmaller = true
                return count
            }
            return isSmaller ? compressed : nil
        }
    }

    /// How many bytes were written; nil when there was not enough room.
    private static func compress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ encoding: ContentEncoding,
        _ level: Int32
    ) throws -> Int? {
        var stream = z_stream()
        let started = deflateInit2_(
            &stream, level, Z_DEFLATED, encoding.windowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard started == Z_OK else { throw ZlibError.outOfMemory(started) }
        defer { deflateEnd(&stream) }
        var chunks = Chunks(input: input, output: output)
        while true {
            chunks.fill(&stream)
            switch deflate(&stream, chunks.hasAllInput ? Z_FINISH : Z_NO_FLUSH) {
            case Z_STREAM_END: return chunks.written(by: stream)
            case Z_OK, Z_BUF_ERROR: if chunks.isOutputFull(stream) { return nil }
            case let code: throw ZlibError.outOfMemory(code)
            }
        }
    }
}

/// Hands zlib memory in pieces that fit its 32-bit counts.
struct Chunks {
    private static let maximum = 1 << 30

    let input: UnsafeRawBufferPointer
    var output: UnsafeMutableRawBufferPointer
    private var givenInput = 0
    private var givenOutput = 0

    init(input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer) {
        self.input = input
        self.output = output
    }

    /// Gives the stream more of what it has none of.
    mutating func fill(_ stream: inout z_stream) {
        if stream.avail_in == 0, givenInput < input.count {
            let count = min(Self.maximum, input.count - givenInput)
            // zlib only reads what `next_in` points to; its type says otherwise for the sake of old compilers.
            stream.next_in = UnsafeMutableRawPointer(mutating: input.baseAddress)?
                .advanced(by: givenInput).assumingMemoryBound(to: Bytef.self)
            stream.avail_in = uInt(count)
            givenInput += count
        }
        if stream.avail_out == 0, givenOutput < output.count {
            let count = min(Self.maximum, output.count - givenOutput)
            stream.next_out = output.baseAddress?.advanced(by: givenOutput).assumingMemoryBound(to: Bytef.self)
            stream.avail_out = uInt(count)
            givenOutput += count
        }
    }

    /// Goes on in a larger buffer that begins with what was written.
    mutating func move(to larger: UnsafeMutableRawBufferPointer, _ stream: inout z_stream) {
        givenOutput = written(by: stream)
        output = larger
        stream.avail_out = 0
    }

    var hasAllInput: Bool { givenInput == input.count }
    func hasReadAll(_ stream: z_stream) -> Bool { hasAllInput && stream.avail_in == 0 }
    func isOutputFull(_ stream: z_stream) -> Bool { stream.avail_out == 0 && givenOutput == output.count }
    func written(by stream: z_stream) -> Int { givenOutput - Int(stream.avail_out) }
}
