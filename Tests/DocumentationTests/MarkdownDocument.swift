/// A document in Markdown, as far as the tests need to understand it.
struct MarkdownDocument {
    /// Code between fences.
    struct CodeBlock {
        /// The word after the opening fence; empty if there is none.
        let language: String
        /// The number of the opening fence's line.
        let line: Int
        let code: CodeText
    }

    /// A link whose target is not a web address.
    struct Link {
        let target: String
        let line: Int
    }

    let path: String
    private(set) var codeBlocks: [CodeBlock] = []
    private(set) var links: [Link] = []
    /// The names under which headings can be linked to.
    private(set) var anchors: Set<String> = []

    init(_ path: String) throws {
        self.path = path
        var fence: (language: String, line: Int, body: [Substring])?
        let lines = try Repository.text(of: path).split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let text = line.drop(while: \.isWhitespace)
            if text.hasPrefix("```"), !text.dropFirst(3).contains("`") {
                if let open = fence {
                    codeBlocks.append(CodeBlock(language: open.language, line: open.line, code: CodeText(open.body)))
                    fence = nil
                } else {
                    fence = (String(text.dropFirst(3)), index + 1, [])
                }
            } else if fence != nil {
                fence?.body.append(line)
            } else {
                if text.hasPrefix("#") { anchors.insert(Self.anchor(of: text.drop(while: { $0 == "#" || $0 == " " }))) }
                links += Self.targets(in: line).map { Link(target: $0, line: index + 1) }
            }
        }
        if let fence { throw UnclosedFence(description: "\(path):\(fence.line): the code block is not closed") }
    }

    /// The targets of `[text](target)` in a line that are not web addresses.
    private static func targets(in line: Substring) -> [String] {
        line.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }.filter { !$0.contains(":") }
    }

    /// The name of a heading by the rules of the usual Markdown hosts: lower case, spaces to hyphens, punctuation dropped.
    private static func anchor(of heading: Substring) -> String {
        String(heading.lowercased().map { $0 == " " ? "-" : $0 }.filter { $0.isLetter || $0.isNumber || "-_".contains($0) })
    }
}

/// A code block without an end.
struct UnclosedFence: Error, CustomStringConvertible {
    let description: String
}
