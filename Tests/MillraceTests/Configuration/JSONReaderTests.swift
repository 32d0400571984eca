import Testing

@testable import Millrace

@Suite("JSONReader") struct JSONReaderTests {
    private func read(_ text: String) throws -> ConfigurationNode { try JSONReader.read(text, source: "f.json") }

    private func error(_ text: String) -> String {
        let error = #expect(throws: MillraceError.self, "\(text)") { _ = try read(text) }
        #expect(error?.code == .invalidConfiguration)
        return error?.message ?? ""
    }

    @Test("Reads everything that JSON has, in its order")
    func values() throws {
        let node = try read("\u{FEFF} {\"b\" : [1, -2.5e3, true, false, null, {}, []], \"a\":\"x\"}\n")
        #expect(node.members?.map(\.key) == ["b", "a"])
        guard case .array(let items)? = node.members?[0].node.content else {
            Issue.record("no array")
            return
        }
        #expect(items.map(\.description) == ["1", "-2.5e3", "true", "false", "null", "an object", "an array"])
    }

    @Test(
        "Reads escapes", arguments: [(#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"), (#"\u00e9\uD83D\uDE00"#, "é😀"), ("ß", "ß")])
    func escapes(_ written: String, _ text: String) throws {
        guard case .text(let read) = try read("\"\(written)\"").content else {
            Issue.record("no text")
            return
        }
        #expect(read == text)
    }

    @Test("An error says where, in line and column, and at which key")
    func errors() {
        #expect(error("{\n  \"a\": {\"b\": 1,\n    \"b\": 2}}") == "f.json:3:5: a: 'b' is given twice")
        #expect(error("") == "f.json:1:1: a value was expected")
        #expect(error("{} x") == "f.json:1:4: the end of the file was expected")
        #expect(error("{\"a\" 1}") == "f.json:1:6: ':' was expected behind the key 'a'")
        #expect(error("{\"é\": [1 2]}") == "f.json:1:10: é: ',' or ']' was expected")
        #expect(error("{\"a\": [1, x]}") == "f.json:1:11: a[1]: a value was expected")
        #expect(error("{\"a\": 1,}") == "f.json:1:9: a key in quotes was expected")
    }

    @Test(
        "What is no JSON is refused",
        arguments: [
            "01", "-", "1.", "1e999", "+1", ".5", "tru", "nul", "\"a", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"\\uD800\"",
            "\"\\uDC00\"", "\"\\uD800\\u0041\"", "\"\n\"", "[", "{", "{\"a\"", "'a'", "{a: 1}", "// x\n1",
            String(repeating: "[", count: 100_000),
        ])
    func refused(_ text: String) { #expect(error(text).hasPrefix("f.json:")) }
}
