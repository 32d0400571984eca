public import Millrace

extension Transform {
    /// Compresses outputs in the format of the program gzip, and decompresses inputs.
    ///
    /// The metadata key `content-encoding` names the encoding, as in HTTP: `gzip`, `deflate` (the zlib format) or
    /// `identity`. Inputs of any of them are read, whichever of them outputs get; one without the key is left as it is. The
    /// handler sees the message without the key; what stands outside, `PoisonQueue` for example, sees it as it came. An output
    /// that has the key already, or would not become smaller, is left as it is.
    ///
    /// An input with another encoding, or a payload that is broken or too large, makes a `MillraceError` of code
    /// `decodingFailed` that is not retriable.
    ///
    /// - Parameters:
    ///   - minimumSize: Outputs with fewer bytes are not compressed. Defaults to 512; at least 0.
    ///   - level: From 1, the fastest, to 9, the smallest. Defaults to 6.
    ///   - maximumSize: The most bytes that a payload may hold when it is decompressed, so that a small message can't fill the
    ///     memory. Defaults to 64 MiB; at least 1.
    public static func gzip(minimumSize: Int = 512, level: Int = 6, maximumSize: Int = 64 << 20) -> Transform {
        compression(.gzip, minimumSize: minimumSize, level: level, maximumSize: maximumSize)
    }

    /// Compresses outputs in the zlib format, which HTTP calls deflate, and decompresses inputs. For the rest see
    /// `gzip(minimumSize:level:maximumSize:)`.
    public static func deflate(minimumSize: Int = 512, level: Int = 6, maximumSize: Int = 64 << 20) -> Transform {
        compression(.deflate, minimumSize: minimumSize, level: level, maximumSize: maximumSize)
    }

    private static func compression(
        _ encoding: ContentEncoding, minimumSize: Int, level: Int, maximumSize: Int
    ) -> Transform {
        Transform(name: "Transform.\(encoding.rawValue)") { message in
            guard let name = message.metadata[ContentEncoding.metadataKey] else { return message }
            if let encoding = ContentEncoding(rawValue: name.lowercased()) {
                return try Inflater.decompress(message, encoding, limit: maximumSize)
            }
            guard name.lowercased() == "identity" else { throw ZlibError.unknown(name, message.id) }
            var plain = message
            plain.metadata[ContentEncoding.metadataKey] = nil
            return plain
        } encoding: { output in
            guard output.payload.count >= minimumSize, output.metadata[ContentEncoding.metadataKey] == nil else {
                return output
            }
            return try Deflater.compress(output, as: encoding, level: Int32(clamping: level)) ?? output
        } check: { subject in
            guard minimumSize >= 0 else {
                throw MillraceError.invalidOption("minimumSize", minimumSize, bound: "at least 0", of: subject)
            }
            guard 1...9 ~= level else { throw MillraceError.invalidOption("level", level, bound: "1 to 9", of: subject) }
            guard maximumSize >= 1 else {
                throw MillraceError.invalidOption("maximumSize", maximumSize, bound: "at least 1", of: subject)
            }
        }
    }
}
