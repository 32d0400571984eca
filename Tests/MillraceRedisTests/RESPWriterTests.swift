import Testing

@testable import MillraceRedis

extension RedisTests {
    @Suite("RESPWriter") struct Writer {
        @Test("A command is an array of bulk strings, of whatever kind its arguments are")
        func commandIsAnArray() {
            let text = WireBytes.text { writer in
                writer.command(arguments: 5)
                writer.bulk("XACK")
                writer.bulk(String("größe"))
                writer.bulk(-12_345)
                [UInt8]([0x61, 0x0D, 0x0A]).withUnsafeBytes { writer.bulk($0) }
                writer.bulk(id: (1_700_000_000_000, 12))
            }
            #expect(
                text == "*5\r\n$4\r\nXACK\r\n$7\r\ngröße\r\n$6\r\n-12345\r\n$3\r\na\r\n\r\n$16\r\n1700000000000-12\r\n")
        }

        @Test("Empty arguments have no bytes")
        func emptyArguments() {
            let text = WireBytes.text {
                $0.bulk("")
                $0.bulk(String())
                $0.bulk(UnsafeRawBufferPointer(start: nil, count: 0))
            }
            #expect(text == "$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n")
        }

        @Test(
            "Numbers and ids have the digits that the standard library gives them",
            arguments: [0, 1, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 99_999, 123_456_789, Int.max, Int.min, -1, -10])
        func numbers(_ number: Int) {
            #expect(WireBytes.bulkStrings(WireBytes.written { $0.bulk(number) }) == [Array("\(number)".utf8)])
            let id = UInt64(bitPattern: Int64(number))
            let text = Array("\(id)-\(UInt64.max)".utf8)
            #expect(WireBytes.bulkStrings(WireBytes.written { $0.bulk(id: (id, .max)) }) == [text])
        }

        @Test("What was sent is taken off the front, and what follows is appended, however the buffer moves")
        func consumesWhatWasSent() {
            var writer = RESPWriter(capacity: 1)
            var sent: [UInt8] = []
            var expected: [UInt8] = []
            for number in 0..<5_000 {
                writer.bulk(number)
                expected += Array("$\("\(number)".count)\r\n\(number)\r\n".utf8)
                let count = number * 7 % 23
                sent += writer.withUnsafeBytes { Array($0.prefix(count)) }
                writer.consume(count)
            }
            sent += writer.withUnsafeBytes { Array($0) }
            writer.consume(.max)
            #expect(sent == expected)
            writer.consume(-1)
            let left = (writer.isEmpty, writer.count)
            #expect(left == (true, 0))
        }

        @Test("A writer that was emptied gives memory back and can be used again")
        func usableAfterRemoval() {
            var writer = RESPWriter(capacity: 100_000)
            writer.bulk("first")
            writer.removeAll(keepingUpTo: 16)
            let isEmpty = writer.isEmpty
            #expect(isEmpty)
            writer.bulk("a text of more than sixteen bytes")
            let text = writer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            #expect(text == "$33\r\na text of more than sixteen bytes\r\n")
        }
    }
}
