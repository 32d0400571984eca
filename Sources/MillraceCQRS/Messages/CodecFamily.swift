public import Millrace

/// The codecs of a bus: one for each type of value.
///
/// JSON is built in. A family of your own can use another format for everything or for some types, and read several formats while
/// services move from one to the other.
public protocol CodecFamily: Sendable {
    /// The codec for a type, or nil when payloads of that media type can't be read.
    ///
    /// - Parameters:
    ///   - type: The type of the value.
    ///   - contentType: The media type of a payload that is to be read, as its message states it; nil for one that does not, and for a value
    ///     that is to be written.
    func codec<Value: Codable & Sendable>(for type: Value.Type, contentType: String?) -> (any MessageCodec<Value>)?
}

/// JSON for everything: see `JSONCodec`.
public struct JSONCodecs: CodecFamily {
    /// The family.
    public init() {}

    /// `JSONCodec`, for messages without a media type and for JSON: `application/json`, and types that end with `+json`.
    public func codec<Value: Codable & Sendable>(for type: Value.Type, contentType: String?) -> (any MessageCodec<Value>)? {
        guard let contentType, contentType != "application/json" else { return JSONCodec(type) }
        let media = contentType.prefix { $0 != ";" && $0 != " " }.lowercased()
        return media == "application/json" || media.hasSuffix("+json") ? JSONCodec(type) : nil
    }
}

extension Message {
    /// The payload as a value. Throws a `MillraceError` of code `decodingFailed`.
    func decode<Value: Codable & Sendable>(as type: Value.Type, by codecs: any CodecFamily) throws -> Value {
        let contentType = metadata[MetadataKey.contentType]
        guard let codec = codecs.codec(for: type, contentType: contentType) else {
            throw MillraceError(
                .decodingFailed, "message \(id): there is no codec that reads \(type) from '\(contentType ?? "")'",
                isRetriable: false)
        }
        return try decode(with: codec)
    }

    /// A message that carries a value. Throws what the codec throws.
    static func carrying<Value: Codable & Sendable>(
        _ value: Value, by codecs: any CodecFamily, key: String?, metadata: Metadata
    ) throws -> Message {
        guard let codec = codecs.codec(for: Value.self, contentType: nil) else {
            throw MillraceError(.unsupported, "there is no codec that writes \(Value.self)", isRetriable: false)
        }
        return try Message(encoding: value, with: codec, key: key, metadata: metadata)
    }
}
