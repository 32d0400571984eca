import Millrace
import MillraceTesting
import Testing

@testable import MillraceTool

@Suite struct MessageTextTests {
    private func text(_ message: Message, _ format: MessageFormat) -> String {
        var bytes: [UInt8] = []
        let record = DeliveryRecord(message: message, attempt: 2, token: DeliveryToken(1), position: Position(high: 5, low: 3))
        format.append(record, of: "orders", to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func messages(_ text: String, isJSON: Bool = true, separator: String? = nil) -> ([Message], String?) {
        let parser = LineParser(
            isJSON: isJSON, separator: separator.map { Array($0.utf8) },
            defaults: MessageDefaults(key: "standard", metadata: ["a": "0", "z": "1"]))
        var splitter = LineSplitter()
        let (first, failure) = parser.messages(Array(text.utf8), &splitter, "in")
        guard failure == nil else { return (first, failure?.message) }
        let (last, end) = parser.messages(nil, &splitter, "in")
        return (first + last, end?.message)
    }

    @Test(arguments: [
        Message(id: "x", text: "hello \"you\"\n", key: "ada\t", metadata: ["b": "2", "ä": "ö"]),
        Message(payload: [0xFF, 0x00, 0x0A]), Message(text: ""),
    ])
    func whatConsumePrintsProduceReads(_ message: Message) throws {
        let (read, failure) = messages(text(message, .json))
        #expect(failure == nil)
        let again = try #require(read.first)
        #expect(read.count == 1)
        #expect(again.id == message.id)
        #expect(again.payload == message.payload)
        #expect(again.key == message.key ?? "standard")
        for (name, value) in message.metadata { #expect(again.metadata[name] == value) }
        #expect(again.metadata["z"] == "1")
    }

    @Test func printsRawAndPretty() {
        #expect(text(Message(text: "a\u{1B}b"), .raw) == "a\u{1B}b\n")
        let pretty = text(Message(id: "x", text: #"{"b":[1],"a":"\u001b[2J"}"#, key: "k\u{7}", metadata: ["m": "v\n"]), .pretty)
        #expect(pretty.hasPrefix("orders 5-3  key k\\u{7}  id x  attempt 2\n  m: v\\u{a}\n{\n  \"a\" :"))
        // What a terminal would obey does not get there.
        #expect(!pretty.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || $0.value == 0x7F })
        #expect(text(Message(text: "a\u{1B}b\u{9B}c\u{202E}\nd"), .pretty).hasSuffix("\na\\u{1b}b\\u{9b}c\\u{202e}\nd\n\n"))
    }

    @Test func payloadsMayBeValues() {
        let (read, _) = messages(#"{"payload":{"b":[1,null],"a":"x/y"}}"# + "\n\n" + #"{"payload":7}"#)
        #expect(read.map(\.payload.text) == [#"{"a":"x/y","b":[1,null]}"#, "7"])
    }

    @Test(arguments: [
        ("{", "in:2: it is not JSON"), ("[1]", "in:2: it is not an object"), ("{}", "in:2: it has no 'payload'"),
        (#"{"payload":"","key":7}"#, "in:2: 'key' is not text"),
        (#"{"payload":"","metadata":{"a":1}}"#, "in:2: 'metadata.a' is not text"),
        (#"{"payload":"","metadata":"a"}"#, "in:2: 'metadata' is not an object"),
        (#"{"payload-base64":"%"}"#, "in:2: 'payload-base64' is not base64"),
        (#"{"payload":"","payload-base64":""}"#, "in:2: it has a 'payload' and a 'payload-base64'"),
    ])
    func saysWhatIsWrongWithALine(_ line: String, _ reason: String) {
        let (read, failure) = messages(#"{"payload":"fine"}"# + "\n" + line + "\n" + #"{"payload":"not read"}"#)
        #expect(read.map(\.payload.text) == ["fine"])
        #expect(failure == reason)
    }

    @Test func linesMayHaveKeys() {
        let (read, failure) = messages("ada::1:\n::\nbob", isJSON: false, separator: "::")
        #expect(read.map(\.key) == ["ada", ""])
        #expect(read.map(\.payload.text) == ["1:", ""])
        #expect(failure == "in:3: there is no separator of key and payload in it")
    }

    /// However the bytes are cut into pieces, the lines are the same.
    @Test(arguments: 1...9) func linesDoNotDependOnThePieces(_ size: Int) throws {
        let bytes = Array("one\n\nthree, longer\r\nfour".utf8)
        var splitter = LineSplitter()
        var lines: [String] = []
        let take = { (line: UnsafeRawBufferPointer, number: Int) in
            lines.append("\(number)=" + String(decoding: line, as: UTF8.self))
        }
        for start in stride(from: 0, to: bytes.count, by: size) {
            try splitter.take(Array(bytes[start..<min(bytes.count, start + size)]), take)
        }
        try splitter.finish(take)
        #expect(lines == ["1=one", "2=", "3=three, longer\r", "4=four"])
    }

    @Test func aPacerLetsPassWhatIsDue() async throws {
        let clock = ManualClock()
        let pacer = Pacer((count: 100, interval: .seconds(1)), clock: clock)
        #expect(pacer.slice == 5)
        try await pacer.wait(for: 5)
        async let second: Void = pacer.wait(for: 5)
        try await clock.waitForTimers(1)
        clock.advance(by: .milliseconds(50))
        try await second
    }
}
