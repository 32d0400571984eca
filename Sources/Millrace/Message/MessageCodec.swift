#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Turns values into payloads and back: JSON is built in, Protocol Buffers or anything else can be written as a codec.
public protocol MessageCodec<Value>: Sendable {
    /// The type of value that this codec reads and writes.
    associatedtype Value

    /// The media type of the payloads, stored under the metadata key `content-type`: `application/json`, for example.
    var contentType: String { get }

    /// Makes the payload for a value. Whatever it throws reaches the caller as it is.
    func encode(_ value: Value) throws -> [UInt8]

    /// Reads a value from a payload. Whatever it throws is wrapped in a ``MillraceError`` of code `decodingFailed`.
    func decode(_ payload: Payload) throws -> Value
}

/// JSON by `Codable`, with Foundation's encoder and decoder: keys sorted, dates as ISO 8601, data as Base64.
public struct JSONCodec<Value: Codable>: MessageCodec {
    /// A codec for `Value`.
    public init(_ type: Value.Type = Value.self) {}

    /// `application/json`.
    public var contentType: String { JSONPayload.contentType }

    /// The JSON form of a value.
    public func encode(_ value: Value) throws -> [UInt8] { try JSONPayload.encode(value) }

    /// The value of a JSON payload.
    public func decode(_ payload: Payload) throws -> Value { try JSONPayload.decode(Value.self, from: payload) }
}

/// Foundation's coders with the settings that Millrace promises.
enum JSONPayload {
    static let contentType = "application/json"

    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return [UInt8](try encoder.encode(value))
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from payload: Payload) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: payload.withUnsafeBytes { Data($0) })
    }
}

extension Message {
    /// A message that carries a value as JSON. Throws the encoder's error.
    public init(
        id: MessageID = .next(), encoding value: some Encodable, key: String? = nil, metadata: Metadata = .init()
    ) throws {
        self.init(id: id, payload: try JSONPayload.encode(value), key: key, metadata: metadata)
    }

    /// A message that carries a value in a codec's form, with the codec's media type under `content-type`.
    public init<Codec: MessageCodec>(
        id: MessageID = .next(), encoding value: Codec.Value, with codec: Codec, key: String? = nil,
        metadata: Metadata = .init()
    ) throws {
        var metadata = metadata
        metadata[MetadataKey.contentType] = codec.contentType
        self.init(id: id, payload: try codec.encode(value), key: key, metadata: metadata)
    }

    /// The value of a JSON payload. Throws a ``MillraceError`` of code `decodingFailed` that names id and type.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try wrappingDecodeError(type) { try JSONPayload.decode(type, from: payload) }
    }

    /// The value of a payload in a codec's form. Throws a ``MillraceError`` of code `decodingFailed`.
    public func decode<Codec: MessageCodec>(with codec: Codec) throws -> Codec.Value {
        try wrappingDecodeError(Codec.Value.self) { try codec.decode(payload) }
    }

    private func wrappingDecodeError<Value>(_ type: Value.Type, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw MillraceError(
                .decodingFailed, "message \(id): its payload of \(payload.count) bytes is not a \(type)", underlying: error,
                isRetriable: false)
        }
    }
}
