/// A way to compress a payload, by the name that HTTP gives it (RFC 9110, section 8.4.1).
enum ContentEncoding: String, CaseIterable {
    /// The format of the program gzip (RFC 1952).
    case gzip
    /// The zlib format (RFC 1950), which HTTP calls deflate.
    case deflate

    /// What zlib is told: the largest window of 32 KiB, and 16 more for the gzip format.
    var windowBits: Int32 { self == .gzip ? 31 : 15 }

    /// The metadata key that names the encoding of a payload.
    static let metadataKey = "content-encoding"
}
