import Testing

@testable import MillraceTool

@Suite struct ParserTests {
    private static let group = Option("group", "g", value: "NAME", help: "The group")
    private static let limit = Option("limit", "n", value: "NUMBER", fallback: "10", help: "The limit")
    private static let format = Option("format", value: "FORMAT", .oneOf(["json", "text"]), fallback: "text", help: "The format")
    private static let pair = Option("metadata", value: "NAME=VALUE", repeats: true, help: "Metadata")
    private static let peek = Option(flag: "peek", help: "Only look")
    private static let topic = Positional("TOPIC", help: "The topic")
    private static let files = Positional("FILE", 0...Int.max, .file, help: "Files")

    private let parser = CommandLineParser(commands: [
        Command(
            "consume", "Prints messages", [topic, files], [group, limit, format, pair, peek], run: { _, _ in 0 }),
        Command("produce", "Publishes messages", run: { _, _ in 0 }),
    ])

    private func arguments(_ words: String...) throws -> Arguments {
        guard case .run(_, let arguments) = try parser.parse(words) else { throw UsageError("help", command: nil) }
        return arguments
    }

    private func complaint(_ words: String...) -> String {
        do {
            _ = try parser.parse(words)
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        ["--group", "a"], ["--group=a"], ["-g", "a"], ["-g=a"],
    ])
    func readsValues(_ words: [String]) throws {
        guard case .run(let command, let arguments) = try parser.parse(["consume", "orders"] + words) else {
            Issue.record("not run")
            return
        }
        #expect(command.name == "consume")
        #expect(arguments.text(Self.group) == "a")
        #expect(arguments.word(Self.topic) == "orders")
        #expect(!arguments.has(Self.peek))
    }

    @Test func readsFlagsFallbacksAndRepetitions() throws {
        let arguments = try arguments(
            "consume", "--peek", "--metadata", "a=1", "orders", "--metadata=b=2=3", "--", "-x", "--peek")
        #expect(arguments.has(Self.peek))
        #expect(try arguments.number(Self.limit) == 10)
        #expect(arguments.text(Self.format) == "text")
        #expect(try arguments.pairs(Self.pair).map(\.value) == ["1", "2=3"])
        #expect(arguments.words(Self.files) == ["-x", "--peek"])
    }

    @Test func anEmptyValueAndADashAreValues() throws {
        let arguments = try arguments("consume", "--group=", "orders", "-")
        #expect(arguments.text(Self.group)?.isEmpty == true)
        #expect(arguments.words(Self.files) == ["-"])
    }

    @Test func readsNumbersRatesAndDurations() throws {
        #expect(try arguments("consume", "t", "-n", "1_000,000").number(Self.limit) == 1_000_000)
        #expect(try arguments("consume", "t", "-n", "30/m").rate(Self.limit)?.interval == .seconds(60))
        #expect(try arguments("consume", "t", "-n", "500ms").duration(Self.limit) == .milliseconds(500))
        for text in ["0", "-1", "x", "1.5", "99999999999999999999"] {
            #expect(throws: UsageError.self) { try arguments("consume", "t", "-n", text).number(Self.limit) }
        }
        for text in ["", "0", "5/x", "/s", "5/s/s"] {
            #expect(throws: UsageError.self) { try arguments("consume", "t", "--limit=\(text)").rate(Self.limit) }
        }
        #expect(throws: UsageError.self) { try arguments("consume", "t", "-n", "0s").duration(Self.limit) }
    }

    @Test func saysWhatIsWrongAndWhatIsNear() {
        #expect(complaint("comsume") == "there is no command 'comsume'; did you mean 'consume'?")
        #expect(complaint("xyz") == "there is no command 'xyz'")
        #expect(complaint("consume", "--gruop", "a") == "there is no option '--gruop'; did you mean '--group'?")
        #expect(complaint("consume", "-q") == "there is no option '-q'")
        #expect(complaint("consume", "t", "--group") == "--group needs a value: NAME")
        #expect(complaint("consume", "t", "--peek=1") == "--peek takes no value")
        #expect(complaint("consume", "t", "-g", "a", "-g", "b") == "--group is given twice")
        #expect(complaint("consume") == "TOPIC is missing: The topic")
        #expect(complaint("produce", "t") == "'t' is one word too many")
        #expect(
            complaint("consume", "t", "--format", "jsn")
                == "--format is 'jsn', it must be one of: json, text; did you mean 'json'?")
        #expect(complaint("--peek").contains("behind the name of a command"))
    }

    @Test(arguments: [[], ["--help"], ["-h"], ["help"]])
    func helpOfTheTool(_ words: [String]) throws {
        guard case .help(nil) = try parser.parse(words) else {
            Issue.record("no help")
            return
        }
    }

    @Test(arguments: [["help", "produce"], ["produce", "--help"], ["produce", "-h"]])
    func helpOfACommand(_ words: [String]) throws {
        guard case .help(let command) = try parser.parse(words) else {
            Issue.record("no help")
            return
        }
        #expect(command?.name == "produce")
    }

    @Test func versionOfTheTool() throws {
        guard case .version = try parser.parse(["--version"]) else {
            Issue.record("no version")
            return
        }
        #expect(complaint("--version", "now") == "'now' is one word too many")
    }
}
