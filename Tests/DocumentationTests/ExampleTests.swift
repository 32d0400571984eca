import Testing

@Suite struct ExampleTests {
    /// Code in documents is quoted from files that are built, word for word.
    @Test(arguments: Repository.documents)
    func codeIsBuilt(_ path: String) throws {
        for block in try MarkdownDocument(path).codeBlocks where block.language == "swift" && !block.isManifest {
            #expect(!block.code.lines.isEmpty, "\(path):\(block.line): the code block is empty")
            guard !Repository.examples.contains(where: { $0.contains(block.code) }) else { continue }
            Issue.record(
                """
                \(path):\(block.line): this code stands in no file of Sources/Examples, so it may not compile:
                \(block.code.lines.joined(separator: "\n"))
                """)
        }
    }

    /// A manifest can't be part of a target; what it promises is tried out by `.ci/run`.
    @Test func manifestsNameProducts() throws {
        let package = try Repository.text(of: "Package.swift")
        for path in Repository.documents {
            for block in try MarkdownDocument(path).codeBlocks where block.isManifest {
                for match in block.code.lines.joined(separator: "\n").matches(of: /\.product\(name: "(\w+)"/) {
                    #expect(
                        package.contains(".library(name: \"\(match.1)\""),
                        "\(path):\(block.line): there is no product '\(match.1)'")
                }
            }
        }
    }

    /// Commands that a reader is told to type exist: scripts of the package, and `swift run` of its programs.
    @Test(arguments: Repository.documents)
    func commandsAreKnown(_ path: String) throws {
        let package = try Repository.text(of: "Package.swift")
        for block in try MarkdownDocument(path).codeBlocks where block.language == "sh" {
            for line in block.code.lines {
                let words = line.prefix { $0 != "#" }.split(separator: " ").map(String.init)
                guard let first = words.first else { continue }
                let isKnown =
                    switch first {
                    case "Tests/run", "Tests/Ecosystem/run", "Tests/Faults/run", "Tests/Benchmarks/measure",
                        "Tests/Benchmarks/count", ".ci/run":
                        Repository.exists(first)
                    case "swift" where words.count == 2: ["build", "test"].contains(words[1])
                    case "swift" where words[1] == "run":
                        words.contains { package.contains(".executable(name: \"\($0)\"") }
                    case "millrace", "seq": package.contains(".executable(name: \"millrace\"")
                    // eval "$(swift package brokers urls)"
                    case "swift" where words[1] == "package", "eval" where words[1] == "\"$(swift":
                        words.contains { package.contains("verb: \"\($0)\"") }
                    default: false
                    }
                #expect(isKnown, "\(path):\(block.line): '\(line)' is not a known command")
            }
        }
    }
}

extension MarkdownDocument.CodeBlock {
    /// Whether this is a `Package.swift`.
    var isManifest: Bool { code.lines.first?.hasPrefix("// swift-tools-version") ?? false }
}
