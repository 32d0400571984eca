import Foundation
import MillraceMemory
import Testing

@testable import Millrace

@Suite("Configuration") struct ConfigurationTests {
    private func read(_ json: String, _ environment: [String: String] = [:]) throws -> Configuration {
        try Configuration(json: json, source: "service.json", environment: environment)
    }

    private func error(_ json: String, _ environment: [String: String] = [:]) -> String {
        let error = #expect(throws: MillraceError.self, "\(json)") { _ = try read(json, environment) }
        return error?.message ?? ""
    }

    /// The error of a file with one handler, `audit`, with these settings.
    private func handlerError(_ settings: String) -> String {
        error(#"{"transports": {"main": "memory:"}, "handlers": {"audit": {\#(settings)}}}"#)
    }

    @Test("A file says everything")
    func everything() throws {
        let configuration = try read(
            """
            {
                "transports": {
                    "main": "memory:?capacity=7",
                    "other": {"url": "memory:", "capacity": 9, "overflow": "refuse", "dead-letters": ""}
                },
                "defaults": {"transport": "other", "lease": "1m", "middleware": {"retry": {"attempts": 2}}},
                "handlers": {
                    "audit": {
                        "transport": "main", "topic": "invoices", "to": "audits", "to-transport": "other", "group": "g",
                        "concurrency": 8, "ordered": "by-key", "prefetch": 100, "maximum-attempts": 5, "lease": "30s",
                        "start": "after:1-2", "redelivery": {"first": "1s", "maximum": "2s", "factor": 1.5, "jitter": false},
                        "middleware": {"retry": {"attempts": 3}}
                    }
                },
                "router": {"drain-timeout": "10s", "cancellation-grace": 1, "restart": "3s"}
            }
            """)
        #expect(configuration.transportNames == ["main", "other"])
        #expect(try MemoryOptions(url: configuration.transport("main")).capacity == 7)
        let other = MemoryOptions(capacity: 9, overflow: .refuse, deadLetters: .drop)
        #expect(try MemoryOptions(url: configuration.transport("other")) == other)
        #expect(configuration.defaultTransport == "other")
        let settings = try #require(configuration.handlers.first?.settings)
        #expect(settings.transport == "main")
        #expect(settings.topic == "invoices")
        #expect(settings.outputTransport == "other")
        #expect(settings.outputTopic == "audits")
        var options = HandlerOptions()
        try configuration.defaults.apply(to: &options)
        #expect(options.lease == .seconds(60))
        try settings.apply(to: &options)
        #expect(options.group == .named("g"))
        #expect(options.concurrency == 8)
        #expect(options.ordered == .byKey)
        #expect(options.prefetch == 100)
        #expect(options.maximumAttempts == 5)
        #expect(options.lease == .seconds(30))
        #expect(options.start == .after(Position(high: 1, low: 2)))
        #expect(options.redelivery == .exponential(from: .seconds(1), upTo: .seconds(2), factor: 1.5, jitter: false))
        var router = RouterOptions()
        try configuration.router.apply(to: &router)
        #expect(router.drainTimeout == .seconds(10))
        #expect(router.cancellationGrace == .seconds(1))
        #expect(router.restart == .constant(.seconds(3)))
    }

    @Test("An empty file says nothing")
    func nothing() throws {
        let configuration = try read("{}")
        var options = HandlerOptions(concurrency: 3)
        try configuration.defaults.apply(to: &options)
        #expect(options.concurrency == 3)
        #expect(configuration.transportNames.isEmpty)
    }

    @Test("What the code has stays where the file does not mention it")
    func partialBackoff() throws {
        let configuration = try read(#"{"defaults": {"redelivery": {"maximum": "2s"}}}"#)
        var options = HandlerOptions(redelivery: .exponential(from: .seconds(1), upTo: .seconds(9), factor: 3))
        try configuration.defaults.apply(to: &options)
        #expect(options.redelivery == .exponential(from: .seconds(1), upTo: .seconds(2), factor: 3))
        options.redelivery = .constant(.seconds(5))
        let error = #expect(throws: MillraceError.self) { try configuration.defaults.apply(to: &options) }
        #expect(
            error?.message.hasPrefix("service.json: defaults.redelivery.maximum is 2.0 seconds, it must be at least first")
                == true)
    }

    @Test("An error names the file, the key, the value and the bound")
    func errors() {
        #expect(
            handlerError(#""concurency": 8"#).hasPrefix(
                "service.json: handlers.audit.concurency: unknown key; did you mean 'concurrency'? Known: transport, topic"))
        #expect(error(#"{"handler": {}}"#).contains("service.json: handler: unknown key; did you mean 'handlers'?"))
        #expect(error("[]") == "service.json: the file is an array, it must be an object")
        #expect(handlerError(#""concurrency": "8""#) == "service.json: handlers.audit.concurrency is '8', it must be 1 to 10000")
        #expect(handlerError(#""concurrency": 0"#).contains("is 0, it must be 1 to 10000"))
        #expect(handlerError(#""concurrency": 1.5"#).contains("is 1.5, it must be 1 to 10000"))
        #expect(handlerError(#""prefetch": true"#).contains("prefetch is true, it must be a whole number, at least 1"))
        #expect(handlerError(#""lease": "0s""#).contains("lease is '0s', it must be a number with ms"))
        #expect(handlerError(#""ordered": "byKey""#).contains("it must be one of by-transport, by-key"))
        #expect(handlerError(#""start": "later""#).contains("start is 'later', it must be now, beginning, after:POSITION"))
        #expect(handlerError(#""topic": """#).contains("handlers.audit.topic: topic '': the name has 0 bytes"))
        #expect(handlerError(#""group": 1"#).contains("group is 1, it must be text"))
        #expect(
            handlerError(#""redelivery": {"factor": 0.5}"#).contains(
                "redelivery.factor is 0.5, it must be a number, at least 1.0"))
        #expect(handlerError(#""redelivery": {"jitter": "no"}"#).contains("redelivery.jitter is 'no', it must be true or false"))
        #expect(handlerError(#""middleware": {"retry": 3}"#).contains("middleware.retry is 3, it must be an object"))
        #expect(
            handlerError(#""transport": "mian""#).contains(
                "handlers.audit.transport is 'mian', it must be a transport of the configuration; did you mean 'main'?"))
        #expect(error(#"{"defaults": {"transport": "x"}}"#).contains("defaults.transport is 'x'"))
        #expect(error(#"{"handlers": {"a.b": {"x": 1}}}"#).contains(#"handlers."a.b".x: unknown key"#))
        #expect(error(#"{"handlers": {"": {}}}"#).contains("handlers: there is an empty name in it"))
        #expect(error(#"{"transports": {"main": 1}}"#).contains("transports.main is 1, it must be the URL of a transport"))
        #expect(error(#"{"transports": {"main": {}}}"#).contains("transports.main has no 'url'"))
        #expect(error(#"{"transports": {"main": {"url": "memory:", "x": []}}}"#).contains("main.x is an array"))
        #expect(
            error(#"{"transports": {"main": {"url": "memory:?x=1", "x": 2}}}"#).contains("main.x: memory URL: x is given twice"))
        #expect(error(#"{"transports": {"main": "no url"}}"#).contains("service.json: transports.main: transport URL: url is"))
        let missing = #expect(throws: MillraceError.self) { _ = try Configuration(file: "/no/such/file.json", environment: [:]) }
        #expect(missing?.message == "/no/such/file.json: it can't be opened: No such file or directory")
    }

    @Test(
        "A secret in the file is refused, and not shown",
        arguments: [
            #""x://u:geheim@h""#, #""x://:geheim@h""#, #""x://h?password=geheim""#, #""x://h?api-token=geheim""#,
            #"{"url": "x://h", "password": "geheim"}"#, #"{"url": "x://u:geheim@h", "a": 1}"#, #""x://u:1/geheim@h""#,
        ])
    func secretsInFile(_ transport: String) {
        let message = error(#"{"transports": {"main": \#(transport)}}"#)
        #expect(message.hasPrefix("service.json: transports.main"))
        #expect(message.contains("a secret in a configuration file"))
        #expect(message.contains("password-env=NAME"))
        #expect(!message.contains("geheim"))
    }

    @Test("A misplaced URL, and one that can't be read, are not shown")
    func misplacedSecrets() {
        for json in [
            #"{"transports": "x://u:geheim@h"}"#, #"{"defaults": {"lease": "x://u:geheim@h"}}"#,
            #"{"transports": {"main": "x://u:geheim%zz@h"}}"#, #"{"router": "x://u:geheim@h"}"#,
        ] { #expect(!error(json).contains("geheim")) }
        let variable = ["MILLRACE_TRANSPORTS__MAIN__URL__X": "1"]
        #expect(!error(#"{"transports": {"main": "x://u:geheim@h"}}"#, variable).contains("geheim"))
    }

    @Test("The environment may hold secrets; no description shows them")
    func secretsInEnvironment() throws {
        let configuration = try read(
            """
            {"transports": {"main": "x://h", "other": "x://h?password-env=PASSWORD", "third": "x://h",
                            "fourth": {"url": "x://h", "password-env": "PASSWORD"}}}
            """,
            [
                "MILLRACE_TRANSPORTS__MAIN": "x://u:geheim@h", "PASSWORD": "geheim",
                "MILLRACE_TRANSPORTS__THIRD__PASSWORD": "geheim",
            ])
        #expect(configuration.transportNames.count == 4)
        for name in configuration.transportNames {
            var url = try configuration.transport(name)
            #expect(try url.takePassword() == "geheim")
        }
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", configuration.debugDescription, "\([configuration])", dumped] {
            #expect(!text.contains("geheim"))
            #expect(text.contains("service.json: main = x://***@h, other = x://h?password-env=PASSWORD, "))
            #expect(text.contains("third = x://h?password=***"))
        }
    }

    @Test("An application has settings of its own, in the file and in the environment")
    func application() throws {
        let configuration = try read(
            #"{"application": {"bank": "a", "limit": 1}}"#, ["MILLRACE_APPLICATION__LIMIT": "2"])
        let settings = try configuration.application { section in
            (try section.takeText("bank"), try section.takeNumber("limit"))
        }
        #expect(settings?.0 == "a")
        #expect(settings?.1 == 2)
        let error = #expect(throws: MillraceError.self) { _ = try configuration.application { try $0.takeText("bank") } }
        #expect(error?.message == "MILLRACE_APPLICATION__LIMIT: application.limit: unknown key. Known: bank")
        #expect(try read("{}").application { try $0.takeText("bank") } == nil)
    }

    @Test("A file is read from disk")
    func file() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-\(UUID()).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try #"{"transports": {"main": "memory:"}}"#.write(toFile: path, atomically: true, encoding: .utf8)
        let configuration = try Configuration(file: path, environment: [:])
        #expect(configuration.transportNames == ["main"])
        #expect(path.hasSuffix(configuration.source))
    }
}
