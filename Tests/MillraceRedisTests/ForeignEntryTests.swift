import Millrace
import Testing

@testable import MillraceRedis

extension RedisTests {
    /// Entries that others wrote.
    @Suite("RedisLayout reads") struct ForeignEntries {
        private func packed(_ bytes: [UInt8]) -> Message { WireBytes.decode(["metadata": bytes]) }

        /// The text that a value becomes under the key `a`.
        private func value(_ bytes: [UInt8]) -> String? {
            let message = packed([0x81, 0xA1, 0x61] + bytes)
            return message.metadata[MetadataKey.decodingFailure] == nil ? message.metadata["a"] : nil
        }

        @Test("An entry as Watermill writes it, in any order of its fields")
        func watermill() {
            let packed: [UInt8] =
                [0x82, 0xA4] + Array("name".utf8) + [0xA5] + Array("Order".utf8) + [0xA1, 0x6B, 0xD9, 0x01, 0x76]
            let message = WireBytes.decode([
                "payload": [0, 255], "metadata": packed,
                "_watermill_message_uuid": Array("7b0d7ff2-1a3c-4e5d-8f60-718293a4b5c6".utf8),
            ])
            let expected = Message(
                id: "7b0d7ff2-1a3c-4e5d-8f60-718293a4b5c6", payload: [0, 255], metadata: ["name": "Order", "k": "v"])
            #expect(message == expected)
        }

        @Test("Without an id, or with an empty one, the entry's id is the message's")
        func missingID() {
            #expect(WireBytes.decode(["payload": [1]], entryID: (1_700_000_000_000, 3)).id == "1700000000000-3")
            #expect(WireBytes.decode(["_watermill_message_uuid": []]).id == "5-7")
            #expect(WireBytes.decode([:] as KeyValuePairs<String, [UInt8]>).id == "5-7")
        }

        @Test(
            "An id that is no canonical UUID keeps its text",
            arguments: [
                "7B0D7FF2-1A3C-4E5D-8F60-718293A4B5C6", "7b0d7ff2+1a3c-4e5d-8f60-718293a4b5c6",
                "7b0d7ff2-1a3c-4e5d-8f60-718293a4b5cg",
                "7b0d7ff2-1a3c-4e5d-8f60-718293a4b5c", "7b0d7ff201a3c-4e5d-8f60-718293a4b5c6",
            ])
        func foreignID(_ text: String) {
            #expect(WireBytes.decode(["_watermill_message_uuid": Array(text.utf8)]).id.description == text)
            #expect(UUIDBytes.parse(UnsafeRawBufferPointer(start: nil, count: 0)) == nil)
        }

        @Test("Unknown fields become metadata, and an empty name gets one")
        func unknownFields() {
            let message = WireBytes.decode([
                "customer": Array("ada".utf8), "": [0x78], "bytes": [0x61, 0xFF], "millrace-key": [0x6B],
            ])
            #expect(message.metadata == ["customer": "ada", MetadataKey.unnamed: "x", "bytes": "a\u{FFFD}"])
            #expect(message.key == "k")
            #expect(message.payload.isEmpty)
        }

        @Test("Metadata wins over a field of the same name, and the last of several equal fields counts")
        func duplicates() {
            let message = WireBytes.decode([
                "payload": [1], "metadata": [0x80], "a": [0x31], "a": [0x32], "b": [0x33],
                "metadata": [0x82, 0xA1, 0x61, 0xA1, 0x6D, 0xA1, 0x61, 0xA1, 0x6E], "payload": [2],
            ])
            #expect(message.metadata == ["a": "n", "b": "3"])
            #expect(Array(message.payload) == [2])
        }

        @Test(
            "Metadata that is no map is kept as text, and the message says so",
            arguments: [
                Array(#"{"a":1}"#.utf8), [0x93, 1, 2, 3], [0xC3], [0x80, 0x00], [0x81, 0xA1, 0x61, 0xC1], [0xFF, 0xFE],
            ])
        func noMap(_ bytes: [UInt8]) {
            let message = WireBytes.decode(["metadata": bytes, "other": [0x78]])
            #expect(message.metadata.count == 3)
            #expect(message.metadata["other"] == "x")
            #expect(message.metadata[MetadataKey.rawMetadata] == String(decoding: bytes, as: UTF8.self))
            #expect(
                message.metadata[MetadataKey.decodingFailure]?.hasPrefix("field 'metadata' of \(bytes.count) bytes: ") == true)
        }

        @Test(
            "No metadata comes as no bytes, as an empty map, or as nil",
            arguments: [[], [0x80], [0xDE, 0, 0], [0xC0]] as [[UInt8]])
        func empty(_ bytes: [UInt8]) { #expect(packed(bytes).metadata.isEmpty) }

        @Test(
            "Values that are not text become text",
            arguments: [
                ([0xC0], ""), ([0xC2], "false"), ([0xC3], "true"), ([0x07], "7"), ([0xFF], "-1"), ([0xCC, 200], "200"),
                ([0xCD, 1, 0], "256"), ([0xCE, 0, 1, 0, 0], "65536"),
                ([0xCF] + [UInt8](repeating: 255, count: 8), "\(UInt64.max)"),
                ([0xD0, 0x80], "-128"), ([0xD1, 0xFF, 0], "-256"), ([0xD2, 255, 255, 255, 254], "-2"),
                ([0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0], "\(Int64.min)"), ([0xCA, 0x3F, 0xC0, 0, 0], "1.5"),
                ([0xCB, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0], "1.5"), ([0xC4, 1, 0x62], "b"), ([0xC5, 0, 1, 0x62], "b"),
                ([0xC6, 0, 0, 0, 1, 0x62], "b"), ([0xDA, 0, 1, 0x62], "b"), ([0xDB, 0, 0, 0, 1, 0x62], "b"),
                ([0xA1, 0xFF], "\u{FFFD}"),
                ([0x92, 1, 0xA2, 0x22, 0x0A], #"[1,"\"\n"]"#), ([0xDC, 0, 1, 0xC0], "[null]"),
                ([0xDD, 0, 0, 0, 1, 0x90], "[[]]"),
                ([0x81, 0xA1, 0x62, 0x82, 1, 2, 3, 4], #"{"b":{1:2,3:4}}"#), ([0xDE, 0, 1, 1, 0xA1, 1], #"{1:"\u0001"}"#),
                ([0xD6, 0xFF, 0, 0, 0, 0xAB], #""ext(-1):000000ab""#), ([0xC7, 1, 5, 0xFE], #""ext(5):fe""#),
            ] as [([UInt8], String)])
        func otherValues(_ bytes: [UInt8], _ text: String) { #expect(value(bytes) == text) }

        @Test("Keys that are not text become text, and an empty one gets a name")
        func otherKeys() {
            #expect(
                packed([0x83, 7, 0xA1, 0x61, 0xC3, 1, 0xA0, 2]).metadata == ["7": "a", "true": "1", MetadataKey.unnamed: "2"])
        }

        @Test("Nesting without end is refused, and kept as text")
        func deepNesting() {
            #expect(
                value([UInt8](repeating: 0x91, count: 31) + [0]) == String(repeating: "[", count: 31) + "0"
                    + String(repeating: "]", count: 31))
            let bytes = [0x81, 0xA1, 0x61] + [UInt8](repeating: 0x91, count: 1_000_000) + [0]
            #expect(packed(bytes).metadata[MetadataKey.decodingFailure]?.contains("deeper than 32") == true)
        }

        @Test(
            "A length that is not there reserves nothing and is reported",
            arguments: [
                [0xDF, 0, 0, 0x10, 0], [0x81, 0xA1, 0x61, 0xDB, 255, 255, 255, 255],
                [0x81, 0xA1, 0x61, 0xDD, 255, 255, 255, 255],
                [0x81, 0xA1, 0x61, 0xC9, 255, 255, 255, 255],
            ] as [[UInt8]])
        func lyingLengths(_ bytes: [UInt8]) {
            #expect(packed(bytes).metadata[MetadataKey.decodingFailure]?.contains("cut off") == true)
        }

        @Test("More pairs than a message takes over are kept as text, more fields are left out and counted")
        func hugeCounts() {
            let most = RedisLayout.maximumMetadata
            let message = packed([0xDF, 0xFF, 0xFF, 0xFF, 0xFF])
            #expect(message.metadata[MetadataKey.decodingFailure]?.contains("4294967295 pairs") == true)
            let fields = (0..<100_000).map { (name: Array("\($0)".utf8), value: [UInt8(0x78)]) }
            let many = WireBytes.decode(fields + [(Array("payload".utf8), [9])])
            #expect(many.metadata.count == most + 1)
            #expect(many.metadata[MetadataKey.omittedFields] == "\(100_000 - most)")
            #expect(Array(many.payload) == [9])
            let full = Message(text: "x", metadata: Metadata((0..<most).map { (key: "\($0)", value: "v") }))
            #expect(WireBytes.journey(full) == full)
        }
    }
}
