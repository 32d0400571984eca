import Millrace
import Testing

@testable import MillraceRedis

extension RedisTests {
    /// The bytes are written out by hand from the specification of MessagePack and from Watermill's documented layout.
    @Suite("RedisLayout writes") struct LayoutWrites {
        private let id = MessageID("0198f2c4-7b1e-7c3a-9d2e-5a6b7c8d9e0f")

        private func strings(_ message: Message) -> [[UInt8]] {
            WireBytes.bulkStrings(WireBytes.written { RedisLayout.encode(message, into: &$0) }) ?? []
        }

        private func metadata(_ message: Message) -> [UInt8] {
            let strings = strings(message)
            return strings.count == 6 ? strings[3] : []
        }

        @Test("A message without metadata has three fields, and no bytes of metadata")
        func withoutMetadata() {
            let text = WireBytes.text { RedisLayout.encode(Message(id: id, text: "hello"), into: &$0) }
            #expect(
                text == "$23\r\n_watermill_message_uuid\r\n$36\r\n0198f2c4-7b1e-7c3a-9d2e-5a6b7c8d9e0f\r\n"
                    + "$8\r\nmetadata\r\n$0\r\n\r\n$7\r\npayload\r\n$5\r\nhello\r\n")
        }

        @Test("Metadata is a map of texts, and the key is one of them")
        func fixmapAndFixstr() {
            let message = Message(id: id, text: "", key: "k", metadata: ["a": "", "ä": "x"])
            let expected: [UInt8] =
                [0x83, 0xA1, 0x61, 0xA0, 0xA2, 0xC3, 0xA4, 0xA1, 0x78, 0xAC] + Array("millrace-key".utf8) + [0xA1, 0x6B]
            #expect(metadata(message) == expected)
            #expect(
                strings(message).map { String(decoding: $0, as: UTF8.self) }.enumerated().filter { $0.offset != 3 }.map(\.element)
                    == ["_watermill_message_uuid", "\(id)", "metadata", "payload", ""])
        }

        @Test(
            "Texts have the header of their length",
            arguments: [
                (31, [0xBF]), (32, [0xD9, 0x20]), (255, [0xD9, 0xFF]), (256, [0xDA, 0x01, 0x00]),
                (65_535, [0xDA, 0xFF, 0xFF]), (65_536, [0xDB, 0x00, 0x01, 0x00, 0x00]),
            ] as [(Int, [UInt8])])
        func textHeaders(_ count: Int, _ header: [UInt8]) {
            let message = Message(id: id, text: "", metadata: ["k": String(repeating: "v", count: count)])
            #expect(metadata(message) == [0x81, 0xA1, 0x6B] + header + [UInt8](repeating: 0x76, count: count))
            #expect(WireBytes.journey(message) == message)
        }

        @Test(
            "Maps have the header of their count",
            arguments: [(15, [0x8F]), (16, [0xDE, 0x00, 0x10]), (300, [0xDE, 0x01, 0x2C])] as [(Int, [UInt8])])
        func mapHeaders(_ count: Int, _ header: [UInt8]) {
            let pairs = (0..<count).map { (key: "\($0)", value: "v") }
            let message = Message(id: id, text: "", metadata: Metadata(pairs))
            let body = pairs.flatMap { pair -> [UInt8] in
                [0xA0 | UInt8(pair.key.utf8.count)] + Array(pair.key.utf8) + [0xA1, 0x76]
            }
            #expect(metadata(message) == header + body)
            #expect(WireBytes.journey(message) == message)
        }

        @Test("A map of more than 65,535 pairs has the header map 32")
        func map32() {
            #expect(WireBytes.written { $0.messagePackMap(65_535) } == [0xDE, 0xFF, 0xFF])
            #expect(WireBytes.written { $0.messagePackMap(65_536) } == [0xDF, 0x00, 0x01, 0x00, 0x00])
            #expect([MessagePack.mapHeaderSize(65_535), MessagePack.mapHeaderSize(65_536)] == [3, 5])
        }

        @Test("The message's own key wins over metadata of that name")
        func keyOnce() {
            let message = Message(id: id, text: "", key: "own", metadata: [MetadataKey.key: "other"])
            #expect(metadata(message) == [0x81, 0xAC] + Array("millrace-keyAown".utf8).map { $0 == 0x41 ? 0xA3 : $0 })
            #expect(WireBytes.journey(message)?.key == "own")
        }

        @Test(
            "Ids of any text are written as they are",
            arguments: ["", "7", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "nachricht-ß-🚀", "00000000-0000-0000-0000-000000000000"])
        func foreignIDs(_ text: String) {
            #expect(strings(Message(id: MessageID(text), text: "")).dropFirst().first == Array(text.utf8))
        }

        @Test("Ids of 128 bits have the text that their description gives")
        func uuids() {
            let random = RandomSource(seed: 1)
            for _ in 0..<2_000 {
                let id = MessageID(high: random.next(), low: random.next())
                let message = Message(id: id, text: "x")
                #expect(strings(message).dropFirst().first == Array("\(id)".utf8))
                #expect(WireBytes.journey(message)?.id == id)
            }
        }
    }
}
