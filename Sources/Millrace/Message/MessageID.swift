/// The identity of a message.
///
/// Ids made here are UUIDs of version 7 (RFC 9562): 128 bits, ordered by time, strictly rising within a process. Ids that
/// come from elsewhere may be any string and keep their text unchanged; text in the canonical form of a UUID
/// (36 characters, lower case) is held as its 128 bits.
public struct MessageID: Hashable, Sendable {
    /// The upper 64 bits of a UUID; 0 for an id that is not one.
    public let high: UInt64
    /// The lower 64 bits of a UUID; 0 for an id that is not one.
    public let low: UInt64
    /// The text of an id that is not a canonical UUID.
    @usableFromInline let foreign: String?

    /// An id from the 128 bits of a UUID of any version.
    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        foreign = nil
    }

    init(high: UInt64, low: UInt64, foreign: String?) {
        self.high = high
        self.low = low
        self.foreign = foreign
    }

    /// An id from any text. ``description`` gives back the same text.
    public init(_ text: String) {
        let bits = UUIDText.parse(text)
        high = bits?.high ?? 0
        low = bits?.low ?? 0
        foreign = bits == nil ? text : nil
    }

    /// A new id of the process-wide generator.
    @inlinable public static func next() -> MessageID { MessageIDGenerator.shared.next() }

    /// When the id was made, in milliseconds since 1970, if it is a UUID of version 7.
    public var unixMilliseconds: Int64? {
        guard foreign == nil, (high >> 12) & 0xF == 7, low >> 62 == 0b10 else { return nil }
        return Int64(high >> 16)
    }
}

extension MessageID: CustomStringConvertible, LosslessStringConvertible, ExpressibleByStringLiteral {
    /// The text form: that of a UUID, or the foreign text as it came.
    public var description: String { foreign ?? UUIDText.format(high, low) }

    /// See ``init(_:)``.
    public init(stringLiteral text: String) { self.init(text) }
}

extension MessageID: Codable {
    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
