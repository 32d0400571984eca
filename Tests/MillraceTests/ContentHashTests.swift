import Millrace
import Testing

@Suite struct ContentHashTests {
    private func hash(_ texts: String...) -> UInt64 {
        var hash = ContentHash()
        for text in texts { hash.combine(text) }
        return hash.value
    }

    @Test("tells texts apart, and where one ends") func differs() {
        let texts = (0..<40).map { String(repeating: "a", count: $0) } + (0..<2_000).map { "message \($0)" }
        #expect(Set(texts.map { hash($0) }).count == texts.count)
        #expect(hash("ab", "c") != hash("a", "bc"))
        #expect(hash("a", "") != hash("a"))
        #expect(hash("a\0") != hash("a"))
    }

    @Test("is the same in every process: brokers are told of it") func isStable() {
        #expect(hash() == 0x9e37_79b9_7f4a_7c15)
        #expect(String(hash("orders", "", "hello, world"), radix: 16) == "cb9d7064c7e1252f")
    }
}
