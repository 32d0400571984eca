import Millrace
import MillraceMemory
import MillraceTesting
import Testing

/// What is wrong is refused at registration, naming the handler and the value.
@Suite struct RegistrationTests {
    private func refusal(
        _ options: HandlerOptions = .init(), name: String = "audit", topic: String = "in",
        @MiddlewareBuilder middleware: () -> [any Middleware] = { [] }
    ) throws -> MillraceError? {
        let broker = try quietBroker()
        let router = Router(.quiet, middleware: middleware)
        return #expect(throws: MillraceError.self) {
            try router.consume(name, from: topic, on: broker, options: options) { _, _ in }
        }
    }

    @Test(arguments: [0, -1, 10_001])
    func concurrency(value: Int) throws {
        let error = try refusal(.init(concurrency: value))
        #expect(error?.code == .invalidOption)
        #expect(error?.message == "handler 'audit': concurrency is \(value), it must be 1 to 10000")
    }

    @Test func prefetchBelowConcurrency() throws {
        let error = try refusal(.init(concurrency: 4, prefetch: 3))
        #expect(error?.message == "handler 'audit': prefetch is 3, it must be at least the concurrency of 4")
    }

    @Test func otherOptions() throws {
        #expect(try refusal(.init(maximumAttempts: 0))?.message.contains("maximumAttempts is 0") == true)
        #expect(try refusal(.init(lease: .zero))?.message.contains("lease is 0") == true)
        #expect(try refusal(.init(redelivery: .exponential(from: .seconds(2), upTo: .seconds(1))))?.code == .invalidOption)
        #expect(try refusal(.init(group: .named("")))?.code == .invalidOption)
        #expect(try refusal(topic: "")?.code == .invalidTopic)
        #expect(try refusal(topic: String(repeating: "x", count: 10_000))?.code == .invalidTopic)
        #expect(try refusal(topic: "a\nb")?.code == .invalidTopic)
        #expect(try refusal(name: "")?.code == .invalidOption)
    }

    @Test func duplicateNames() throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        try router.consume("audit", from: "in", on: broker) { _, _ in }
        let error = #expect(throws: MillraceError.self) {
            try router.consume("audit", from: "other", on: broker) { _, _ in }
        }
        #expect(error?.code == .duplicateHandler)
        #expect(
            error?.message == "handler 'audit' of topic 'other': there is a handler of that name already, it reads topic 'in'")
    }

    @Test func namesOfTopicAndHandler() throws {
        #expect(try refusal(topic: "")?.message == "handler 'audit': topic '': the name has 0 bytes, it must have 1 to 249")
        #expect(try refusal(topic: "a\nb")?.message == #"handler 'audit': topic "a\nb": the name holds a control character"#)
        #expect(try refusal(name: "")?.message == "topic 'in': handler '': the name has 0 bytes, it must have 1 to 249")
        #expect(
            try refusal(.init(group: .named("")))?.message
                == "handler 'audit', topic 'in': consumer group '': the name has 0 bytes, it must have 1 to 249")
        let broker = try quietBroker()
        let error = #expect(throws: MillraceError.self) {
            try Router(.quiet).handle("audit", from: "in", on: broker, to: "") { message, _ in [message] }
        }
        #expect(error?.message == "handler 'audit': output: topic '': the name has 0 bytes, it must have 1 to 249")
    }

    @Test func missingCapabilities() throws {
        struct Poor: Subscriber {
            var capabilities: Capabilities { [.ordered] }
            func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
                throw MillraceError(.closed, "", isRetriable: false)
            }
        }
        let router = Router(.quiet)
        func code(_ options: HandlerOptions) -> MillraceError? {
            #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: Poor(), options: options) { _, _ in } }
        }
        #expect(code(.init())?.message.contains("'groups'") == true)
        #expect(code(.init(ordered: .byKey, group: .none))?.message.contains("'orderedByKey'") == true)
        #expect(code(.init(group: .none, maximumAttempts: 3))?.code == .unsupported)
    }

    @Test func batchLimits() throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        func message(_ limit: Int, _ wait: Duration, _ options: HandlerOptions = .init()) -> String? {
            #expect(throws: MillraceError.self) {
                try router.consumeBatches("b", from: "in", on: broker, upTo: limit, within: wait, options: options) { _, _ in }
            }?.message
        }
        #expect(message(0, .zero) == "handler 'b': upTo is 0, it must be at least 1")
        #expect(message(5, .zero, .init(prefetch: 4)) == "handler 'b': upTo is 5, it must be at most the prefetch of 4")
        #expect(message(5, .seconds(-1))?.contains("within is -1") == true)
    }

    @Test func middlewareInAnOrderThatCannotWork() throws {
        let broker = try quietBroker()
        let inside = try refusal {
            Retry()
            Correlation()
            PoisonQueue("poison", on: broker)
        }
        #expect(inside?.code == .invalidMiddlewareOrder)
        #expect(
            inside?.message == """
                handler 'audit': PoisonQueue stands inside of Retry, so it would take the message at its first failure. \
                It is Retry > Correlation > PoisonQueue, outermost first; what works is PoisonQueue > Correlation > Retry
                """)
        let deadline = try refusal {
            Timeout(.seconds(1))
            Retry()
        }
        #expect(deadline?.message.hasSuffix("what works is Retry > Timeout") == true)
    }

    /// Pairs that can't work, the outer one first.
    private static func wrongPairs() throws -> [[any Middleware]] {
        let broker = try quietBroker()
        let poison = PoisonQueue("poison", on: broker)
        let policy = FailurePolicy(.otherwise(.drop))
        let transform = Transform(name: "t", decoding: { $0 }, encoding: { $0 })
        return [
            [Retry(), poison], [policy, poison], [CircuitBreaker(), poison], [DelayOnError(), poison],
            [Deduplicate(), poison], [Timeout(.seconds(1)), poison], [transform, poison],
            [Retry(), policy], [CircuitBreaker(), policy], [Deduplicate(), policy], [Timeout(.seconds(1)), policy],
            [transform, policy], [Retry(), CircuitBreaker()], [Retry(), DelayOnError()], [InstantAck(), CircuitBreaker()],
            [InstantAck(), Deduplicate()], [InstantAck(), DelayOnError()], [Timeout(.seconds(1)), Retry()],
        ]
    }

    @Test("Each pair that can't work is refused with a reason, and works the other way round")
    func pairsThatCannotWork() throws {
        for pair in try Self.wrongPairs() {
            let names = pair.map(\.name)
            let error = try refusal { pair }
            #expect(error?.code == .invalidMiddlewareOrder, "\(names)")
            #expect(error?.message.hasSuffix("what works is \(names[1]) > \(names[0])") == true, "\(names)")
            try Router(.quiet) { Array(pair.reversed()) }.consume("audit", from: "in", on: try quietBroker()) { _, _ in }
        }
        #expect(try refusal { [CircuitBreaker(), CircuitBreaker()] }?.message.contains("two CircuitBreakers") == true)
    }

    @Test func orderAcrossRouterAndHandler() throws {
        let broker = try quietBroker()
        let error = try refusal(.init(middleware: { PoisonQueue("poison", on: broker) })) { Retry() }
        #expect(error?.code == .invalidMiddlewareOrder)
    }

    @Test func middlewareParameters() throws {
        #expect(try refusal { Retry(attempts: 0) }?.message == "handler 'audit': Retry: attempts is 0, it must be at least 1")
        #expect(try refusal { Timeout(.zero) }?.code == .invalidOption)
        #expect(try refusal { Throttle(0, per: .seconds(1)) }?.message.contains("count is 0") == true)
        #expect(try refusal { Throttle(1, per: .seconds(1), burst: 0) }?.message.contains("burst is 0") == true)
        let broker = try quietBroker()
        #expect(try refusal { PoisonQueue("", on: broker) }?.code == .invalidTopic)
    }
}
