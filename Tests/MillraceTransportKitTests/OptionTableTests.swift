import Millrace
import MillraceTransportKit
import Testing

@Suite("OptionTable") struct OptionTableTests {
    private struct Nested: Sendable, Hashable {
        var file: String?
        var checks = true
        static let table = OptionTable(defaults: Nested()) {
            Option("file", \.file, .path, "A file.", ifNone: "the system's")
            Option("checks", \.checks, "Whether it checks.")
        }
    }

    private enum Mode: Sendable { case fast, safe }

    private struct Example: Sendable, Hashable {
        var prefetch = 1_024
        var most: Int?
        var timeout = Duration.seconds(5)
        var age: Duration?
        var mode = Mode.fast
        var group: String?
        var delays: [Duration] = []
        var password: String?
        var nested: Nested?
        var made: Nested?
        var always = Nested()
        static let table = OptionTable(defaults: Example()) {
            Option("prefetch", \.prefetch, 1...65_536, "How many are fetched ahead.")
            Option("most", \.most, 10..., "How many are kept.", ifNone: "any number")
            Option("timeout", \.timeout, atLeast: .milliseconds(1), "How long it may take.")
            Option("age", \.age, atLeast: .zero, atMost: .seconds(3_600), "How old it may be.")
            Option("mode", \.mode, ["fast": .fast, "safe": .safe], "How careful it is.")
            Option("group", \.group, .name, "The group.")
            Option("delays", \.delays, .durations(atLeast: .seconds(1), atMost: .seconds(60), count: 2), "Delays.")
            Option(secret: "password", \.password, "the password")
            Nested.table.nested(in: \.nested)
            Option(described: "host|port", field: "server", bound: "a host", "Where it is.", ifNone: "this machine")
        }
    }

    /// The options of a URL with this query.
    private func read(_ query: String, from start: Example = Example(), scheme: String = "example://") throws -> Example {
        var url = try TransportURL("\(scheme)?\(query)", environment: ["SECRET": "geheim"])
        var options = start
        try Example.table.apply(&url, to: &options)
        try url.finish(checking: { try Example.table.validate(options, of: "Example") })
        return options
    }

    @Test func readsEveryKindAndLeavesTheRest() throws {
        let options = try read(
            "prefetch=7&most=10&timeout=500ms&age=0&mode=safe&group=g&delays=1s,1m&password-env=SECRET&file=/f&checks=0",
            from: Example(nested: Nested()))
        let expected = Example(
            prefetch: 7, most: 10, timeout: .milliseconds(500), age: .zero, mode: .safe, group: "g",
            delays: [.seconds(1), .seconds(60)], password: "geheim", nested: Nested(file: "/f", checks: false))
        #expect(options == expected)
        let start = Example(prefetch: 3, most: 12, group: "kept", password: "kept")
        #expect(try read("mode=fast", from: start) == start)
    }

    @Test(arguments: [
        ("prefetch=0", "example URL: prefetch is '0', it must be a whole number; 1 to 65,536"),
        ("prefetch=x", "prefetch is 'x'"), ("most=9", "most is '9', it must be a whole number; at least 10"),
        ("timeout=0", "timeout is '0', it must be a number with ms, s, m, h or d: 500ms, 5s, 1m; at least 1 millisecond"),
        ("age=2h", "age is '2h'"), ("age=2h", "zero to 1 hour"), ("mode=slow", "mode is 'slow', it must be one of fast, safe"),
        ("group=", "group is \"\", it must be 1 to 249 bytes"), ("group=a%0Ab", "group is \"a\\nb\""),
        ("delays=1s,", "delays is '1s,'"), ("delays=1s,1s", "at most 2, each once, 1 second to 1 minute"),
        ("file=/f", "query is 'file'"), ("prefetsh=1", "did you mean 'prefetch'?"),
        ("password-env=NOTHING", "password-env is 'NOTHING'"),
        ("password=a&password-env=SECRET", "password is given more than once"),
    ])
    func refusesByTheNameInTheURL(_ query: String, _ words: String) throws {
        let error = #expect(throws: MillraceError.self) { _ = try read(query) }
        #expect(error?.code == .invalidOption)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func refusesByTheNameInCode() throws {
        let bad: [(String, Example)] = [
            ("Example: prefetch is 0, it must be 1 to 65,536", Example(prefetch: 0)),
            ("most is 9, it must be at least 10, or nil", Example(most: 9)),
            ("timeout is 0.0 seconds, it must be at least 1 millisecond", Example(timeout: .zero)),
            ("age is -1.0 seconds, it must be zero to 1 hour, or nil", Example(age: .seconds(-1))),
            ("group is \"\"", Example(group: "")), ("delays is", Example(delays: [.seconds(61)])),
            ("nested.file is \"\", it must be the path of a file, or nil", Example(nested: Nested(file: ""))),
        ]
        for (words, options) in bad {
            let error = #expect(throws: MillraceError.self) { try Example.table.validate(options, of: "Example") }
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
        try Example.table.validate(Example())
    }

    @Test func showsNothingWhereASecretMayBe() throws {
        // The password was not encoded: it ends at the '@'.
        for url in ["example://u:1/geheim@h?prefetch=0", "example://u:1?group=geheim@h"] {
            var url = try TransportURL(url, environment: [:])
            _ = try? (url.takeHosts(defaultPort: 1), url.takePath())
            var options = Example(prefetch: 0)
            let error = #expect(throws: MillraceError.self) {
                try Example.table.apply(&url, to: &options)
                try url.finish(checking: { try Example.table.validate(options) })
            }
            #expect(error?.message.contains("geheim") == false)
            #expect(error?.message.contains("prefetch") == false)
        }
    }

    @Test func takesStructuresWithinByWhatWasReadBefore() throws {
        struct Outer: Sendable {
            var isEncrypted = false
            var made: Nested?
            static let conditional = OptionTable(defaults: Outer()) {
                Nested.table.nested(in: \.inner, when: { $0.isEncrypted })
            }
            static let making = OptionTable(defaults: Outer()) { Nested.table.nested(in: \.made, orMake: Nested()) }
            var inner = Nested()
        }
        var url = try TransportURL("example:?file=/f&checks=false", environment: [:])
        var outer = Outer()
        try Outer.conditional.apply(&url, to: &outer)
        #expect(outer.inner == Nested())
        outer.isEncrypted = true
        try Outer.conditional.apply(&url, to: &outer)
        #expect(outer.inner == Nested(file: "/f", checks: false))
        try Outer.making.apply(&url, to: &outer)
        #expect(outer.made == nil)
        var other = try TransportURL("example:?checks=false", environment: [:])
        try Outer.making.apply(&other, to: &outer)
        #expect(outer.made == Nested(checks: false))
    }

    @Test func putsBoundsIntoWords() {
        #expect(OptionValue.number(1...).bound == "at least 1")
        #expect(OptionValue.number(1...Int.max).bound == "at least 1")
        #expect(OptionValue.number(0..<1_000).bound == "0 to 999")
        #expect(OptionValue.number(...(-1_234_567)).bound == "at most -1,234,567")
        #expect(OptionValue.duration(atLeast: .zero).bound == "at least zero")
        #expect(OptionValue.duration(atLeast: .seconds(60), atMost: .seconds(172_800)).bound == "1 minute to 2 days")
    }

    private struct Common: Sendable {
        var group: String?
        var pending = 5
        var topic = "t"
        var authorities: String?
        var certificate: String?
        var key: String?
        var host: String?
        var verifies = true
        static let table = OptionTable(defaults: Common()) {
            Option(group: \.group)
            Option(maximumPending: \.pending)
            Option(deadLetters: \.topic, { $0 }, orDrop: "nowhere") { $0 == "nowhere" ? nil : $0 }
            Option.tls(authorities: \.authorities, certificate: \.certificate, key: \.key, verifies: \.verifies)
            Option(serverName: \.host)
        }
    }

    @Test func hasTheOptionsOfMostTransports() throws {
        var url = try TransportURL(
            "example:?group=g&maximum-pending=7&dead-letters=&ca=a&cert=b&key=c&verify=false&server-name=d", environment: [:])
        var options = Common()
        try Common.table.apply(&url, to: &options)
        try url.finish(checking: { try Common.table.validate(options) })
        #expect(options.group == "g" && options.pending == 7 && options.topic == "nowhere" && !options.verifies)
        #expect([options.authorities, options.certificate, options.key, options.host] == ["a", "b", "c", "d"])
        for (field, bad) in [
            ("group", Common(group: "")), ("pending", Common(pending: 0)), ("topic", Common(topic: "")),
            ("authorities", Common(authorities: "")), ("host", Common(host: "a b")),
        ] {
            let error = #expect(throws: MillraceError.self) { try Common.table.validate(bad) }
            #expect(error?.message.hasPrefix("\(field) is ") == true, "\(error?.message ?? "")")
        }
    }

    @Test func writesHelpAndTable() throws {
        let help = Example.table.help
        #expect(help.map(\.name).contains("password") == false)
        #expect(help[0] == .init("prefetch", "How many are fetched ahead; 1 to 65,536.", default: "1024"))
        #expect(help[1] == .init("most", "How many are kept; at least 10; any number otherwise."))
        #expect(help.contains(.init("password-file", "A file with the password.")))
        #expect(help.contains(.init("checks", "Whether it checks.", default: "true")))
        let lines = Example.table.markdown.split(separator: "\n")
        #expect(lines.count == 2 + Example.table.options.count)
        #expect(lines[2] == "| `prefetch` | `prefetch` | 1 to 65,536 | `1024` | How many are fetched ahead. |")
        #expect(lines.contains("| `file` | `nested.file` | the path of a file | the system's | A file. |"))
        #expect(lines.contains("| `timeout` | `timeout` | at least 1 millisecond | `5s` | How long it may take. |"))
        #expect(
            lines.contains(
                "| `password-file`, `password-env` | `password` | a file, a variable | none | Where to find the password. |"))
        #expect(lines.contains("| `host\\|port` | `server` | a host | this machine | Where it is. |"))
    }
}
