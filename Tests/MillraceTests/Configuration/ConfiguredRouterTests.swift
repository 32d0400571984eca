import MillraceMemory
import MillraceTesting
import Testing

@testable import Millrace
import TestSupport

@Suite("Router with a configuration", .timeLimit(.minutes(1))) struct ConfiguredRouterTests {
    private struct Declined: Error {}

    private func connect(_ json: String, _ environment: [String: String] = [:]) async throws -> ConnectedTransports {
        try await TransportRegistry(.memory).connect(
            Configuration(json: json, source: "service.json", environment: environment), observers: Observers())
    }

    private func connect(handlers: String, _ environment: [String: String] = [:]) async throws -> ConnectedTransports {
        try await connect(
            #"{"transports": {"main": "memory:", "other": "memory:"}, "handlers": {\#(handlers)}}"#, environment)
    }

    private func registered(
        _ handlers: String, _ environment: [String: String] = [:], _ options: HandlerOptions = .init(),
        @MiddlewareBuilder middleware: () -> [any Middleware] = { [] }
    ) async throws -> Topology.Handler {
        let transports = try await connect(handlers: handlers, environment)
        let router = try Router(configuration: transports, .quiet, middleware: middleware)
        try router.handle("audit", from: "in", on: transports["main"], to: "out", options: options) { message, _ in [message] }
        return try #require(router.describe().handlers.first)
    }

    private func error(
        _ handlers: String, _ environment: [String: String] = [:], _ options: HandlerOptions = .init(),
        @MiddlewareBuilder middleware: () -> [any Middleware] = { [] }
    ) async -> String {
        let error = await #expect(throws: MillraceError.self) {
            _ = try await registered(handlers, environment, options, middleware: middleware)
        }
        return error?.message ?? ""
    }

    @Test("Settings of the file are laid over those of the code")
    func overlay() async throws {
        let handler = try await registered(
            #""audit": {"topic": "i", "to": "o", "group": null, "concurrency": 4, "ordered": "by-key"}"#, [:],
            HandlerOptions(concurrency: 2))
        #expect(handler.topic == "i")
        #expect(handler.output == "o")
        #expect(handler.group == nil)
        #expect(handler.concurrency == 4)
        #expect(handler.ordered == .byKey)
        let plain = try await registered(#""audit": {}"#, [:], HandlerOptions(concurrency: 2))
        #expect(plain.topic == "in")
        #expect(plain.concurrency == 2)
        #expect(plain.group == "audit")
    }

    @Test("A handler moves to another transport, with its output when both were on one")
    func moves() async throws {
        let transports = try await connect(handlers: #""audit": {"transport": "other"}, "copy": {"to-transport": "main"}"#)
        let router = try Router(configuration: transports, .quiet)
        try router.handle("audit", from: "in", on: transports["main"], to: "mid") { message, _ in [message] }
        try router.handle("copy", from: "mid", on: transports["other"], to: "out") { message, _ in [message] }
        let received = try await transports["main"].subscribe(to: "out", .init())
        async let running: Void = router.run(stoppingOn: [])
        try await router.waitUntilRunning()
        try await transports["other"].publish(Message(text: "moved"), to: "in")
        var batch = DeliveryBatch()
        #expect(try await received.pull(into: &batch, upTo: 1))
        #expect(batch.records.first?.message.payload.text == "moved")
        router.shutdown()
        try await running
        // The router has left the transports open.
        try await transports["main"].publish(Message(text: "x"), to: "out")
        await transports.close()
        await #expect(throws: MillraceError.self) { try await transports["main"].publish(Message(text: "x"), to: "out") }
    }

    @Test("Middleware of the router and of the handler gets its parameters")
    func middleware() async throws {
        let transports = try await connect(
            #"""
            {"transports": {"main": "memory:"},
             "defaults": {"middleware": {"retry": {"attempts": 2, "backoff": "0s"}}},
             "handlers": {"strict": {"middleware": {"retry": {"attempts": 1}}},
                          "lax": {"middleware": {"poison-queue": {"topic": "p2"}}}}}
            """#)
        let router = try Router(configuration: transports, .quiet) {
            PoisonQueue("p1", on: try transports.default)
            Retry(attempts: 7)
        }
        let attempts = Box<[String: Int]>([:])
        for name in ["strict", "lax", "usual"] {
            try router.consume(name, from: "in", on: transports.default) { _, context in
                attempts.update { $0[context.handler, default: 0] += 1 }
                throw Declined()
            }
        }
        let first = try await transports.default.subscribe(to: "p1", .init())
        let second = try await transports.default.subscribe(to: "p2", .init())
        async let running: Void = router.run(stoppingOn: [])
        try await router.waitUntilRunning()
        try await transports.default.publish(Message(text: "x"), to: "in")
        var batch = DeliveryBatch()
        var count = 0
        while count < 2, try await first.pull(into: &batch, upTo: 2) {
            count += batch.records.count
            batch.removeAll()
        }
        #expect(try await second.pull(into: &batch, upTo: 1))
        #expect(attempts.value == ["strict": 1, "lax": 2, "usual": 2])
        router.shutdown()
        try await running
        await transports.close()
    }

    @Test("A failure policy gets new actions by the names of its rules")
    func failurePolicy() async throws {
        let transports = try await connect(
            handlers:
                #""audit": {"middleware": {"failure-policy": {"Declined": [{"retry": {"attempts": 3, "backoff": "0s"}}, {"dead-letter": {"topic": "d"}}]}}}"#
        )
        let router = try Router(configuration: transports, .quiet) {
            FailurePolicy(.on(Declined.self, .deadLetter("code", on: try transports["other"])), .otherwise(.drop))
        }
        let attempts = Box(0)
        try router.consume("audit", from: "in", on: transports["main"]) { _, _ in
            _ = attempts.increment()
            throw Declined()
        }
        let letters = try await transports["other"].subscribe(to: "d", .init())
        async let running: Void = router.run(stoppingOn: [])
        try await router.waitUntilRunning()
        try await transports["main"].publish(Message(text: "x"), to: "in")
        var batch = DeliveryBatch()
        #expect(try await letters.pull(into: &batch, upTo: 1))
        #expect(attempts.value == 3)
        router.shutdown()
        try await running
        await transports.close()
        func policyError(_ actions: String) async -> String {
            await error(#""audit": {"middleware": {"failure-policy": {\#(actions)}}}"#) { FailurePolicy(.otherwise(.drop)) }
        }
        #expect(await policyError(#""Other": []"#).contains("failure-policy.Other: unknown key. Known: otherwise"))
        #expect(
            await policyError(#""otherwise": []"#).contains("otherwise is an array, it must be an array of actions, at least 1"))
        #expect(await policyError(#""otherwise": ["x"]"#).contains("failure-policy.otherwise[0] is 'x', it must be \"reject\""))
        #expect(
            await policyError(#""otherwise": ["reject", {"retry": {"attempts": 1}}]"#).contains(
                "otherwise[1].retry.attempts is 1, it must be a whole number, at least 2"))
        #expect(
            await policyError(#""otherwise": [{"dead-letter": {"topic": "t"}}]"#).contains(
                "otherwise[0].dead-letter.transport is missing"))
        #expect(
            await policyError(#""otherwise": ["drop", "reject"]"#).contains(
                "service.json: handlers.audit: handler 'audit': FailurePolicy: rule 1: actions is 2"))
    }

    @Test("Errors of middleware name the file, the key and what there is")
    func middlewareErrors() async throws {
        func error(_ settings: String) async -> String {
            await self.error(#""audit": {"middleware": {\#(settings)}}"#) {
                Retry()
                Timeout(.seconds(1))
                Throttle(1, per: .seconds(1))
                Duplicator()
            }
        }
        #expect(
            await error(#""retri": {}"#)
                == "service.json: handlers.audit.middleware.retri: the handler has no such middleware; did you mean 'retry'? "
                + "It has: retry, timeout, throttle")
        #expect(await error(#""retry": {"attemps": 1}"#).contains("retry.attemps: unknown key; did you mean 'attempts'?"))
        #expect(
            await error(#""retry": {"attempts": 0}"#).contains("audit.middleware.retry.attempts is 0, it must be a whole number"))
        #expect(
            await error(#""retry": {"backoff": {"maximum": "1ms"}}"#).contains(
                "audit.middleware.retry.backoff.maximum is 0.001 seconds, it must be at least first"))
        let twice = await self.error(
            #""audit": {"middleware": {"retry": {}}}"#, [:], HandlerOptions(middleware: { Retry() }), middleware: { Retry() })
        #expect(twice.contains("there are 2 of it around this handler"))
    }

    @Test("What the handler's transport or its other options do not allow is told with the file")
    func bounds() async throws {
        let message = await error(#""audit": {"concurrency": 9}"#, [:], HandlerOptions(prefetch: 8))
        #expect(
            message.hasPrefix("service.json: handlers.audit: handler 'audit': prefetch is 8, it must be at least the concurrency")
        )
        let transports = try await connect(handlers: #""audit": {"to": "x"}"#)
        let router = try Router(configuration: transports, .quiet)
        let refused = #expect(throws: MillraceError.self) {
            try router.consume("audit", from: "in", on: transports["main"]) { _, _ in }
        }
        #expect(refused?.message == "service.json: handlers.audit.to is given, and the handler publishes nothing")
    }

    @Test("Batches make room for a concurrency of the file, and get parameters of the middleware that stands around them")
    func batches() async throws {
        let transports = try await connect(
            handlers: #""batches": {"concurrency": 300}, "layered": {"middleware": {"retry": {}}}"#)
        let router = try Router(configuration: transports, .quiet) { Retry() }
        try router.consumeBatches("batches", from: "in", on: transports["main"], upTo: 2_000, within: .zero) { _, _ in }
        #expect(router.describe().handlers.first?.concurrency == 300)
        let error = #expect(throws: MillraceError.self) {
            try router.consumeBatches(
                "layered", from: "in", on: transports["main"], upTo: 1, within: .zero, without: [Retry.self]
            ) { _, _ in }
        }
        #expect(error?.message.contains("layered.middleware.retry: the handler takes batches, and does without it") == true)
        try router.consumeBatches("layered", from: "in", on: transports["main"], upTo: 1, within: .zero) { _, _ in }
        #expect(router.describe().handlers.last?.middleware == ["Retry"])
    }

    @Test("A handler of the file that nobody registered keeps the router from running")
    func unregistered() async throws {
        let transports = try await connect(handlers: #""audti": {}"#)
        let router = try Router(configuration: transports, .quiet)
        try router.consume("audit", from: "in", on: transports["main"]) { _, _ in }
        let error = await #expect(throws: MillraceError.self) { try await router.run(stoppingOn: []) }
        #expect(error?.code == .unknownHandler)
        #expect(
            error?.message
                == "service.json: handlers.audti: no handler of that name is registered; did you mean 'audit'? Registered: audit")
        // Whoever waits for the router is told as well, and does not wait for ever.
        let waiting = await #expect(throws: MillraceError.self) { try await router.waitUntilRunning() }
        #expect(waiting?.code == .unknownHandler)
        #expect(router.health.phase == .stopped)
        let defaults = try await connect(
            #"{"transports": {"main": "memory:"}, "defaults": {"middleware": {"retry": {}}}}"#)
        let second = try Router(configuration: defaults, .quiet)
        let unused = await #expect(throws: MillraceError.self) { try await second.run(stoppingOn: []) }
        #expect(unused?.message == "service.json: defaults.middleware.retry: no handler has such middleware")
    }

    @Test("A variable finds a handler that the file does not speak of, if it means but one")
    func fromEnvironment() async throws {
        let transports = try await connect(handlers: "", ["MILLRACE_HANDLERS__ISSUE_INVOICE__CONCURRENCY": "5"])
        let router = try Router(configuration: transports, .quiet)
        try router.consume("Issue.Invoice", from: "in", on: transports["main"]) { _, _ in }
        #expect(router.describe().handlers.first?.concurrency == 5)
        let error = #expect(throws: MillraceError.self) {
            try router.consume("issue-invoice", from: "in", on: transports["main"]) { _, _ in }
        }
        #expect(error?.message.contains("means the handlers 'Issue.Invoice' and 'issue-invoice'") == true)
        let other = try Router(configuration: transports, .quiet)
        let unused = await #expect(throws: MillraceError.self) { try await other.run(stoppingOn: []) }
        #expect(unused?.message.hasPrefix("MILLRACE_HANDLERS__ISSUE_INVOICE__CONCURRENCY: handlers.issue-invoice: no") == true)
    }

    @Test("The default transport is the one that is named, or the only one")
    func defaultTransport() async throws {
        let one = try await connect(#"{"transports": {"main": "memory:"}}"#)
        #expect(try one.default as AnyObject === one["main"] as AnyObject)
        let two = try await connect(handlers: "")
        let error = #expect(throws: MillraceError.self) { _ = try two.default }
        #expect(error?.message == "service.json: defaults.transport is missing, it must name one of the transports: main, other")
        let unknown = #expect(throws: MillraceError.self) { _ = try two["mian"] }
        #expect(unknown?.message == "service.json: there is no transport 'mian'; did you mean 'main'? Transports: main, other")
    }

    @Test("What can't be connected is told with its place, and the others are closed")
    func connectionFails() async throws {
        let made = Box<MemoryTransport?>(nil)
        let good = TransportFactory("good", schemes: ["good"]) { _, _ in
            let transport = MemoryTransport()
            made.update { $0 = transport }
            return transport
        }
        let configuration = try Configuration(
            json: #"{"transports": {"a": "good:", "b": "memory:?capcity=1"}}"#, source: "service.json", environment: [:])
        let error = await #expect(throws: MillraceError.self) {
            _ = try await TransportRegistry(good, .memory).connect(configuration)
        }
        #expect(error?.message.hasPrefix("service.json: transports.b: memory URL: query is 'capcity'") == true)
        let transport = try #require(made.value)
        let closed = await #expect(throws: MillraceError.self) { try await transport.publish(Message(text: "x"), to: "t") }
        #expect(closed?.code == .closed)
    }

    @Test("Transports are closed when the body ends, well or not")
    func withTransports() async throws {
        let configuration = try Configuration(json: #"{"transports": {"a": "memory:"}}"#, environment: [:])
        let used = Box<(any Transport)?>(nil)
        await #expect(throws: Declined.self) {
            try await TransportRegistry(.memory).withTransports(configuration) { transports in
                let transport = try transports["a"]
                used.update { $0 = transport }
                try await transport.publish(Message(text: "x"), to: "t")
                throw Declined()
            }
        }
        let transport = try #require(used.value)
        await #expect(throws: MillraceError.self) { try await transport.publish(Message(text: "x"), to: "t") }
    }
}
