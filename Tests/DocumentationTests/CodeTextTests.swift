import Testing

@Suite struct CodeTextTests {
    private let source = SourceText("func f() {\n    if a {\n        b()\n    }\n}\n")

    @Test func indentationDoesNotMatter() {
        #expect(source.contains(CodeText(["if a {", "    b()", "}"])))
        #expect(source.contains(CodeText(["    if a {", "        b()", "    }  "])))
    }

    @Test func wordsAndOrderMatter() {
        #expect(!source.contains(CodeText(["if a {", "    c()", "}"])))
        #expect(!source.contains(CodeText(["    b()", "if a {"])))
        #expect(!source.contains(CodeText(["if a {", "b()", "}"])), "the indentation within the code is part of it")
    }

    @Test func aPartOfALineIsNotALine() {
        #expect(!source.contains(CodeText(["if a"])))
    }
}
