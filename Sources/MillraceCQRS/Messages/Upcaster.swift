public import Millrace

/// Reads messages of an older version as the type of today.
///
/// ```swift
/// static var upcasters: [Upcaster<Priced>] {
///     [Upcaster(from: 1, PricedV1.self) { Priced(cents: $0.cents, currency: "EUR") }]
/// }
/// ```
///
/// An upcaster leads from its version to that of today at one go; where it is easier, let it call the next one's conversion.
public struct Upcaster<Current: TypedMessage>: Sendable {
    /// The version that it reads.
    public let version: Int
    let read: @Sendable (Message, any CodecFamily) throws -> Current

    /// Reads `version` by decoding its shape, `Old`, and converting that.
    public init<Old: Codable & Sendable>(
        from version: Int, _ type: Old.Type, _ convert: @escaping @Sendable (Old) throws -> Current
    ) {
        self.version = version
        read = { message, codecs in try convert(try message.decode(as: type, by: codecs)) }
    }

    /// Reads `version` from the message itself: its payload, its metadata.
    public init(from version: Int, _ read: @escaping @Sendable (Message) throws -> Current) {
        self.version = version
        self.read = { message, _ in try read(message) }
    }
}
