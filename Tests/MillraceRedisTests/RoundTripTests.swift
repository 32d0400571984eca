import Millrace
import Testing

@testable import MillraceRedis

extension RedisTests {
    @Suite("RedisLayout") struct RoundTrip {
        private let random = RandomSource(seed: 42)

        private func number(below bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

        private func text(upTo length: Int) -> String {
            let alphabet: [Character] = ["a", "Z", "0", "-", " ", "\n", "\u{0}", "ß", "é", "e\u{301}", "鍵", "🗝️", "\"", "\\"]
            return String((0..<number(below: length + 1)).map { _ in alphabet[number(below: alphabet.count)] })
        }

        private func message() -> Message {
            var metadata = Metadata()
            for index in 0..<number(below: 24) { metadata["\(index)" + text(upTo: 40)] = text(upTo: 300) }
            let payload = (0..<number(below: 600)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let id = number(below: 3) == 0 ? MessageID("x" + text(upTo: 40)) : MessageID(high: random.next(), low: random.next())
            return Message(id: id, payload: payload, key: number(below: 2) == 0 ? nil : text(upTo: 40), metadata: metadata)
        }

        @Test("What is written is read back the same")
        func comesBack() {
            for _ in 0..<500 {
                let message = message()
                #expect(WireBytes.journey(message) == message)
            }
        }

        @Test("Messages written one after the other into one buffer do not disturb each other")
        func manyInOneBuffer() {
            let messages = (0..<200).map { _ in message() }
            let bytes = WireBytes.written { writer in
                for message in messages { RedisLayout.encode(message, into: &writer) }
            }
            let strings = WireBytes.bulkStrings(bytes) ?? []
            #expect(strings.count == 6 * messages.count)
            for (index, message) in messages.enumerated() where strings.count == 6 * messages.count {
                let fields = stride(from: 6 * index, to: 6 * index + 6, by: 2).map { (name: strings[$0], value: strings[$0 + 1]) }
                #expect(WireBytes.decode(fields) == message)
            }
        }

        @Test("Metadata that is cut off anywhere is kept as it came, and the message arrives")
        func everyTruncation() {
            let whole = Message(text: "p", key: "k", metadata: ["short": "v", "long": String(repeating: "x", count: 300)])
            let strings = WireBytes.bulkStrings(WireBytes.written { RedisLayout.encode(whole, into: &$0) }) ?? []
            let packed = strings.count == 6 ? strings[3] : []
            #expect(packed.count > 300)
            for count in 1..<packed.count {
                let message = WireBytes.decode(["metadata": Array(packed.prefix(count)), "payload": Array("p".utf8)])
                #expect(message.payload.text == "p")
                #expect(message.key == nil)
                #expect(message.metadata[MetadataKey.decodingFailure]?.contains("cut off after \(count) bytes") == true)
                #expect(message.metadata[MetadataKey.rawMetadata] == String(decoding: packed.prefix(count), as: UTF8.self))
            }
        }

        @Test("Garbage of any kind gives a message with its payload")
        func garbage() {
            let maps: [UInt8] = [0x81, 0x8F, 0xDE, 0xDF, 0xC0]
            for round in 0..<5_000 {
                var bytes = (0..<number(below: 60)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                if round % 2 == 0, !bytes.isEmpty { bytes[0] = maps[number(below: maps.count)] }
                let message = WireBytes.decode([(Array("metadata".utf8), bytes), (bytes, bytes), (Array("payload".utf8), bytes)])
                #expect(Array(message.payload) == bytes)
                #expect(message.id == "5-7")
                #expect(message.metadata.allSatisfy { !$0.key.isEmpty })
            }
        }
    }
}
