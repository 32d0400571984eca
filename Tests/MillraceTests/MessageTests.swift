import Millrace
import TestSupport
import MillraceTesting
import Testing

@Suite struct MessageIDTests {
    @Test func idsAreUniqueAndRise() {
        let ids = (0..<100_000).map { _ in MessageID.next() }
        #expect(zip(ids, ids.dropFirst()).allSatisfy { ($0.high, $0.low) < ($1.high, $1.low) })
        let texts = ids.prefix(1_000).map(\.description)
        #expect(texts == texts.sorted())
    }

    @Test func idsOfSeveralTasksAreUnique() async {
        let ids = await withTaskGroup(of: [MessageID].self) { group in
            for _ in 0..<4 { group.addTask { (0..<10_000).map { _ in MessageID.next() } } }
            return await group.reduce(into: Set<MessageID>()) { $0.formUnion($1) }
        }
        #expect(ids.count == 40_000)
    }

    @Test func textHasTheFormOfVersion7() throws {
        let id = MessageID.next()
        let text = id.description
        #expect(text.count == 36)
        let characters = Array(text)
        #expect([8, 13, 18, 23].allSatisfy { characters[$0] == "-" })
        #expect(characters[14] == "7")
        #expect("89ab".contains(characters[19]))
        #expect(MessageID(text) == id)
        let now = SystemClock.shared.unixMilliseconds
        let made = try #require(id.unixMilliseconds)
        #expect(abs(made - now) < 60_000)
    }

    @Test(arguments: [
        "", "7", "order-17", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "0190A3F0-0000-7000-8000-000000000000", "ключ 🔑",
        "0190a3f0-0000-7000-8000-00000000000g", String(repeating: "x", count: 1_000),
    ])
    func foreignIDsKeepTheirText(text: String) {
        let id = MessageID(text)
        #expect(id.description == text)
        #expect(MessageID(text) == id)
        #expect(id.unixMilliseconds == nil)
        let message = Message(id: id, payload: [1])
        #expect(message.id == id)
        #expect(message.id.description == text)
    }

    @Test func seededGeneratorRepeatsItself() {
        func ids() -> [MessageID] {
            let generator = MessageIDGenerator(clock: ManualClock(), seed: 7)
            return (0..<5).map { _ in generator.next() }
        }
        #expect(ids() == ids())
    }

    @Test func aClockThatStepsBackDoesNotTakeIDsBack() {
        let clock = ManualClock(startUnixMilliseconds: 0)
        let generator = MessageIDGenerator(clock: clock, seed: 1)
        // More than a millisecond can count: the generator runs ahead of its clock.
        var last = generator.next()
        for _ in 0..<1_100_000 {
            let next = generator.next()
            guard (last.high, last.low) < (next.high, next.low) else {
                Issue.record("\(next) after \(last)")
                return
            }
            last = next
        }
    }
}

@Suite struct MessageTests {
    @Test func aCopyIsIndependent() {
        let original = Message(payload: [1, 2, 3], key: "k", metadata: ["a": "1"])
        var copy = original
        copy.metadata["a"] = "2"
        copy.key = nil
        copy.id = "other"
        #expect(original.metadata["a"] == "1")
        #expect(original.key == "k")
        #expect(original.id != copy.id)
        #expect(copy.metadata["a"] == "2")
        #expect(copy.payload == original.payload)
    }

    @Test func payloadForms() {
        #expect(Array(Message(payload: []).payload) == [])
        #expect(Message(text: "héllo").payload.text == "héllo")
        #expect(Message(payload: [0xFF, 0xFE]).payload.text == nil)
        let written = Message(unsafeUninitializedCapacity: 10) { bytes in
            bytes[0] = 42
            return 1
        }
        #expect(Array(written.payload) == [42])
        #expect(String(decoding: Message(text: "abc").payload, as: UTF8.self) == "abc")
    }

    @Test func largePayloadsAreSharedAndStayTheSame() {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        var outer: Message?
        do {
            let first = Message(payload: bytes)
            let second = Message(payload: first.payload)
            outer = Message(payload: second.payload, metadata: ["x": "y"])
        }
        #expect(outer.map { Array($0.payload) } == bytes)
    }

    @Test func borrowedBytesLiveAsLongAsTheMessage() {
        final class Owner {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 1)
            let freed: Box<Bool>
            init(_ freed: Box<Bool>) {
                self.freed = freed
                memory.copyBytes(from: [1, 2, 3, 4])
            }
            deinit {
                memory.deallocate()
                freed.update { $0 = true }
            }
        }
        let freed = Box(false)
        do {
            var message: Message
            do {
                let owner = Owner(freed)
                message = Message(borrowing: UnsafeRawBufferPointer(owner.memory), owner: owner)
            }
            message.metadata["a"] = "b"
            #expect(!freed.value)
            #expect(Array(message.payload) == [1, 2, 3, 4])
        }
        #expect(freed.value)
    }

    @Test func jsonGoesThereAndBack() throws {
        struct Order: Codable, Equatable { var id: Int; var name: String }
        let message = try Message(encoding: Order(id: 1, name: "a/b"))
        #expect(message.payload.text == #"{"id":1,"name":"a/b"}"#)
        #expect(try message.decode(Order.self) == Order(id: 1, name: "a/b"))
        let other = try Message(encoding: Order(id: 2, name: ""), with: JSONCodec(Order.self))
        #expect(other.metadata["content-type"] == "application/json")
        #expect(try other.decode(with: JSONCodec(Order.self)).id == 2)
    }

    @Test func aPayloadOfAnotherTypeIsAnErrorThatNamesTheMessage() {
        let message = Message(id: "m-1", text: "{")
        let error = #expect(throws: MillraceError.self) { try message.decode([Int].self) }
        #expect(error?.code == .decodingFailed)
        #expect(error?.message.contains("m-1") == true)
        #expect(error?.isRetriable == false)
    }
}

@Suite struct MetadataTests {
    /// Two spellings each, which Swift's `==` takes for the same; the last two have the same number of bytes.
    @Test(arguments: [("caf\u{E9}", "cafe\u{301}"), ("\u{212A}", "K"), ("a\u{323}\u{302}", "a\u{302}\u{323}")])
    func keysAreTheirBytes(_ one: String, _ other: String) {
        #expect(one == other)
        var metadata: Metadata = [one: "1", other: "2"]
        #expect(metadata.count == 2 && metadata[one] == "1" && metadata[other] == "2")
        #expect(metadata != [one: "1"] && metadata == [other: "2", one: "1"])
        #expect(Metadata(dictionaryLiteral: ("k", one)) != ["k": other])
        metadata[one] = nil
        #expect(metadata.map(\.key.utf8.count) == [other.utf8.count])
    }

    @Test func keepsOrderAndCase() {
        var metadata: Metadata = ["B": "1", "a": "2"]
        metadata["b"] = "3"
        metadata["B"] = "4"
        #expect(metadata.map(\.key) == ["B", "a", "b"])
        #expect(metadata["B"] == "4")
        metadata["a"] = nil
        #expect(metadata.map(\.key) == ["B", "b"])
        #expect(metadata["a"] == nil)
    }

    @Test func equalityIgnoresOrder() {
        let left: Metadata = ["a": "1", "b": "2"]
        let right: Metadata = ["b": "2", "a": "1"]
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
        #expect(left != ["a": "1"])
    }

    @Test func lastOfARepeatedKeyWins() {
        let metadata = Metadata([(key: "a", value: "1"), (key: "a", value: "2")])
        #expect(metadata.count == 1)
        #expect(metadata["a"] == "2")
    }
}
