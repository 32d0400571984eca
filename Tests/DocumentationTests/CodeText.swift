/// Lines of code, comparable no matter how far they are indented.
struct CodeText: Equatable {
    /// The lines without the indentation that all of them share, and without spaces at their ends.
    let lines: [String]

    init(_ lines: some Sequence<some StringProtocol>) {
        let trimmed = lines.map { line in
            var line = Substring(line)
            while let last = line.last, last.isWhitespace { line.removeLast() }
            return line
        }
        let margin = trimmed.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        self.lines = trimmed.map { String($0.dropFirst(margin)) }
    }
}

/// A source that code may be quoted from.
struct SourceText {
    private let lines: [Substring]
    /// Where each line stands, without its indentation.
    private let places: [Substring: [Int]]

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        places = Dictionary(grouping: lines.indices) { [lines] in Self.trimmed(lines[$0]) }
    }

    /// Whether all lines of the code stand here, one after the other.
    func contains(_ code: CodeText) -> Bool {
        guard let first = code.lines.first else { return false }
        return places[Self.trimmed(Substring(first)), default: []].contains { start in
            start + code.lines.count <= lines.count && CodeText(lines[start..<start + code.lines.count]) == code
        }
    }

    private static func trimmed(_ line: Substring) -> Substring {
        var line = line.drop { $0 == " " }
        while line.last == " " { line.removeLast() }
        return line
    }
}
