import Testing

@testable import Millrace

@Suite("Environment overrides") struct EnvironmentOverrideTests {
    private let json = """
        {
            "transports": {"main": "memory:?capacity=7", "other": {"url": "memory:", "capacity": 9}},
            "handlers": {"audit": {"concurrency": 8}, "issue-invoice": {"lease": "1s"}}
        }
        """

    private func read(_ environment: [String: String]) throws -> Configuration {
        try Configuration(json: json, source: "service.json", environment: environment)
    }

    private func error(_ environment: [String: String]) -> String {
        let error = #expect(throws: MillraceError.self) { _ = try read(environment) }
        return error?.message ?? ""
    }

    private func options(_ name: String, of configuration: Configuration) throws -> HandlerOptions {
        var options = HandlerOptions()
        try configuration.handlers.first { $0.name == name }?.settings.apply(to: &options)
        return options
    }

    @Test("A variable replaces a value, or adds one")
    func replaces() throws {
        let configuration = try read([
            "MILLRACE_HANDLERS__AUDIT__CONCURRENCY": "16", "MILLRACE_HANDLERS__AUDIT__MAXIMUM_ATTEMPTS": "3",
            "MILLRACE_HANDLERS__ISSUE_INVOICE__REDELIVERY__JITTER": "false", "MILLRACE_HANDLERS__ISSUE_INVOICE__GROUP": "",
            "MILLRACE_ROUTER__DRAIN_TIMEOUT": "5", "MILLRACE_DEFAULTS__TRANSPORT": "other",
        ])
        let audit = try options("audit", of: configuration)
        #expect(audit.concurrency == 16)
        #expect(audit.maximumAttempts == 3)
        let invoice = try options("issue-invoice", of: configuration)
        #expect(invoice.lease == .seconds(1))
        #expect(invoice.redelivery.hasJitter == false)
        #expect(invoice.group == .none)
        #expect(configuration.defaultTransport == "other")
    }

    @Test("A variable replaces a transport, its URL, or an option")
    func transports() throws {
        func url(_ name: String, _ environment: [String: String]) throws -> String {
            try read(environment).transport(name).description
        }
        #expect(try url("main", ["MILLRACE_TRANSPORTS__MAIN": "redis://h"]) == "redis://h")
        #expect(try url("other", ["MILLRACE_TRANSPORTS__OTHER": "redis://h"]) == "redis://h")
        #expect(try url("other", ["MILLRACE_TRANSPORTS__OTHER__URL": "redis://h"]) == "redis://h?capacity=9")
        #expect(try url("other", ["MILLRACE_TRANSPORTS__OTHER__CAPACITY": "1"]) == "memory:?capacity=1")
        #expect(try url("main", ["MILLRACE_TRANSPORTS__MAIN__OVERFLOW": "refuse"]) == "memory:?capacity=7&overflow=refuse")
        #expect(
            try url("third-one", ["MILLRACE_TRANSPORTS__THIRD_ONE": "x:", "MILLRACE_TRANSPORTS__THIRD_ONE__A_B": "1"])
                == "x:?a-b=1")
    }

    @Test("Other variables are left alone")
    func others() throws {
        _ = try read(["MILLRACE_REDIS_URL": "x", "MILLRACE_CONFIGURATION": "x", "OTHER__HANDLERS__X": "1", "MILLRACE_": ""])
    }

    @Test("What can't be is an error that names the variable")
    func errors() {
        #expect(
            error(["MILLRACE_HANDLERS__AUDIT__CONCURENCY": "1"]).hasPrefix(
                "MILLRACE_HANDLERS__AUDIT__CONCURENCY: handlers.audit.concurency: unknown key; did you mean 'concurrency'?"))
        #expect(error(["MILLRACE_HANDLER__A__B": "1"]).hasPrefix("MILLRACE_HANDLER__A__B: handler: unknown key"))
        #expect(
            error(["MILLRACE_HANDLERS__AUDIT__CONCURRENCY": "many"])
                == "MILLRACE_HANDLERS__AUDIT__CONCURRENCY: handlers.audit.concurrency is 'many', it must be 1 to 10000")
        #expect(
            error(["MILLRACE_HANDLERS__AUDIT": "1"]).contains(
                "MILLRACE_HANDLERS__AUDIT: handlers.audit is '1', it must be an object"))
        #expect(error(["MILLRACE_HANDLERS__AUDIT__CONCURRENCY__X": "1"]).contains("has a value of its own"))
        #expect(error(["MILLRACE_HANDLERS____X": "1"]).contains("MILLRACE_HANDLERS____X: there is a '__' with nothing"))
        #expect(
            error(["MILLRACE_\(Array(repeating: "A", count: 20_000).joined(separator: "__"))": "1"]).hasSuffix(
                "…: it has 20000 names with '__' between them, it may have 64"))
        #expect(error(["MILLRACE_ROUTER__": "1"]).contains("MILLRACE_ROUTER__: there is a '__' with nothing"))
        #expect(
            error(["MILLRACE_TRANSPORTS__MAIN": "x:", "MILLRACE_TRANSPORTS__MAIN__URL": "y:"])
                == "MILLRACE_TRANSPORTS__MAIN__URL: transports.main.url: MILLRACE_TRANSPORTS__MAIN says so already, or a part of it; "
                + "one of the two has to go")
    }

    @Test("A variable that could mean two names of the file is an error that names both")
    func ambiguity() {
        let json = #"{"handlers": {"a-b": {}, "a.b": {}}}"#
        let error = #expect(throws: MillraceError.self) {
            _ = try Configuration(json: json, source: "f", environment: ["MILLRACE_HANDLERS__A_B__LEASE": "1s"])
        }
        #expect(
            error?.message
                == #"MILLRACE_HANDLERS__A_B__LEASE: means 'handlers.a-b' and 'handlers."a.b"' of f; rename one of them"#)
    }
}
