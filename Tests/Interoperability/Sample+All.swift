extension Sample {
    /// All of them.
    ///
    /// - Parameters:
    ///   - largest: The bytes of the largest payload.
    ///   - longest: The sample with the longest value of metadata.
    static func all(largest: Int = 1 << 20, longest: Sample = longValue) -> [Sample] {
        [
            plain, bare, everyByte, emptyPayload, metadata, key, foreignID, manyKeys, longest,
            Sample("a large payload", id: id(10), (0..<largest).map { UInt8(truncatingIfNeeded: $0 &* 31) }, packed: []),
        ]
    }

    // Different ids, because JetStream keeps one message of an id.
    private static func id(_ number: Int) -> String { "0198f2c4-7b1e-7c3a-9d2e-5a6b7c8d9e\(number < 10 ? "0" : "")\(number)" }

    static let plain = Sample(
        "text", id: id(1), Array("hello".utf8), [("name", "Order.Placed"), ("correlation_id", "c-1")],
        // A map of 2; texts of 4, 12, 14 and 3 bytes.
        packed: [0x82, 0xA4] + Array("name".utf8) + [0xAC] + Array("Order.Placed".utf8) + [0xAE] + Array("correlation_id".utf8)
            + [0xA3] + Array("c-1".utf8))

    static let bare = Sample("without metadata", id: id(2), Array("x".utf8), packed: [])

    static let everyByte = Sample(
        "every byte", id: id(3), (0...255).map { UInt8($0) } + [0x0D, 0x0A, 0x00], [("kind", "binary")],
        packed: [0x81, 0xA4, 0x6B, 0x69, 0x6E, 0x64, 0xA6, 0x62, 0x69, 0x6E, 0x61, 0x72, 0x79])

    static let emptyPayload = Sample(
        "an empty payload", id: id(4), [], [("a", "b")], packed: [0x81, 0xA1, 0x61, 0xA1, 0x62])

    /// In UTF-8 `ö` is C3 B6, `ß` C3 9F, `é` in two scalars 65 CC 81, `鍵` E9 8D B5, `🗝` F0 9F 97 9D, and its variation selector EF B8 8F.
    static let metadata = Sample(
        "empty and unicode metadata", id: id(5), Array("y".utf8),
        [("empty", ""), ("größe", "e\u{301}"), ("鍵", "🗝\u{FE0F}"), ("quoted", "\"a\\b\" = ,;%&")],
        packed: [0x84, 0xA5, 0x65, 0x6D, 0x70, 0x74, 0x79, 0xA0]
            + [0xA7, 0x67, 0x72, 0xC3, 0xB6, 0xC3, 0x9F, 0x65, 0xA3, 0x65, 0xCC, 0x81]
            + [0xA3, 0xE9, 0x8D, 0xB5, 0xA7, 0xF0, 0x9F, 0x97, 0x9D, 0xEF, 0xB8, 0x8F]
            + [0xA6, 0x71, 0x75, 0x6F, 0x74, 0x65, 0x64]
            + [0xAC, 0x22, 0x61, 0x5C, 0x62, 0x22, 0x20, 0x3D, 0x20, 0x2C, 0x3B, 0x25, 0x26])

    static let key = Sample(
        "a key", id: id(6), Array("z".utf8), key: "ada ü", [("a", "b")],
        packed: [0x82, 0xA1, 0x61, 0xA1, 0x62, 0xAC] + Array("millrace-key".utf8) + [0xA6, 0x61, 0x64, 0x61, 0x20, 0xC3, 0xBC])

    static let foreignID = Sample("an id that is no UUID", id: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Array("u".utf8), packed: [])

    /// A map of 300: its header has two bytes for the number.
    static let manyKeys: Sample = {
        let headers = (100..<400).map { ("key-\($0)", "value-\($0)") }
        let body = headers.flatMap { name, value -> [UInt8] in [0xA7] + Array(name.utf8) + [0xA9] + Array(value.utf8) }
        return Sample("many keys", id: id(8), Array("m".utf8), headers, packed: [0xDE, 0x01, 0x2C] + body)
    }()

    /// 70,000 bytes: the header of the text has four bytes for the number.
    static let longValue = Sample(
        "a long value", id: id(9), Array("l".utf8), [("k", String(repeating: "v", count: 70_000))],
        packed: [0x81, 0xA1, 0x6B, 0xDB, 0x00, 0x01, 0x11, 0x70] + [UInt8](repeating: 0x76, count: 70_000))

    /// 60,000 bytes: the header of the text has two bytes for the number.
    static let shorterValue = Sample(
        "a long value", id: id(9), Array("l".utf8), [("k", String(repeating: "v", count: 60_000))],
        packed: [0x81, 0xA1, 0x6B, 0xDA, 0xEA, 0x60] + [UInt8](repeating: 0x76, count: 60_000))
}
