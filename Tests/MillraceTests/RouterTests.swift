import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct RouterTests {
    @Test func messagesGoThroughAHandlerToItsTopic() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        try router.handle("double", from: "in", on: broker, to: "out") { message, _ in
            [Message(payload: Array(message.payload) + Array(message.payload), key: message.key)]
        }
        try await withRunning(router) {
            let probe = try await TopicProbe(of: "out", on: broker)
            try await broker.publish(Message(payload: [1, 2], key: "k"), to: "in")
            let message = try await probe.next()
            #expect(Array(message.payload) == [1, 2, 1, 2])
            #expect(message.key == "k")
        }
        #expect(broker.depth(of: "in", group: "double")?.total == 0)
    }

    @Test func outputsCanGoToSeveralTopics() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        try router.handle("split", from: "in", on: broker, to: "even") { message, _ in
            var outputs: Outputs = [Message(text: "a"), Message(text: "b")]
            outputs.append(Message(text: "c"), to: "odd")
            return outputs + .to("audit", Message(text: "d"), message)
        }
        try await withRunning(router) {
            let even = try await TopicProbe(of: "even", on: broker)
            let odd = try await TopicProbe(of: "odd", on: broker)
            let audit = try await TopicProbe(of: "audit", on: broker)
            try await broker.publish(Message(text: "x"), to: "in")
            #expect(try await even.next().payload.text == "a")
            #expect(try await even.next().payload.text == "b")
            #expect(try await odd.next().payload.text == "c")
            #expect(try await audit.next().payload.text == "d")
            #expect(try await audit.next().payload.text == "x")
        }
    }

    @Test func twoHandlersOfATopicEachGetEverything() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        for name in ["one", "two"] {
            try router.handle(name, from: "in", on: broker, to: "out-\(name)") { message, _ in [message] }
        }
        try await withRunning(router) {
            let one = try await TopicProbe(of: "out-one", on: broker)
            let two = try await TopicProbe(of: "out-two", on: broker)
            for text in ["a", "b"] { try await broker.publish(Message(text: text), to: "in") }
            for probe in [one, two] {
                #expect(try await probe.next().payload.text == "a")
                #expect(try await probe.next().payload.text == "b")
            }
        }
    }

    @Test func messagesOfAKeyStayInOrderWithConcurrency() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        let seen = Box<[String: [Int]]>([:])
        let failures = Box<Set<Int>>([])
        let done = Signal()
        try router.consume("keys", from: "in", on: broker, options: .init(concurrency: 8, ordered: .byKey)) { message, _ in
            let number = Int(message.payload.text ?? "") ?? -1
            // Some fail once: the others of their key have to wait for them.
            if number % 17 == 0, failures.update({ $0.insert(number).inserted }) { throw RetryLater(after: .milliseconds(1)) }
            await Task.yield()
            let count = seen.update { seen in
                seen[message.key ?? "", default: []].append(number)
                return seen.values.reduce(0) { $0 + $1.count }
            }
            if count == 500 { done.fire() }
        }
        try await withRunning(router) {
            for number in 0..<500 {
                try await broker.publish(Message(text: "\(number)", key: "k\(number % 7)"), to: "in")
            }
            try await done.wait()
        }
        for numbers in seen.value.values { #expect(numbers == numbers.sorted()) }
    }

    @Test func inputIsAcknowledgedOnlyWhenOutputsAreAccepted() async throws {
        let broker = try quietBroker()
        let flaky = FailingPublisher(failures: 2)
        let router = Router(.quiet)
        try router.handle(
            "h", from: "in", on: broker, to: "out", publishingOn: flaky,
            options: .init(redelivery: .constant(.milliseconds(1)))
        ) { message, _ in [message] }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await flaky.accepted.wait()
        }
        #expect(flaky.published.value.map { $0.payload.text } == ["x"])
        #expect(broker.depth(of: "in", group: "h")?.total == 0)
    }

    @Test func batchesAreCompleteBySizeOrTime() async throws {
        let clock = ManualClock()
        let broker = try quietBroker(clock: clock)
        var options = RouterOptions.quiet
        options.clock = clock
        let router = Router(options)
        let sizes = Box<[Int]>([])
        let first = Signal()
        let second = Signal()
        for index in 0..<5 { try await broker.prepare(topic: "in", group: "b"); _ = index }
        try await broker.publish((0..<5).map { Message(text: "\($0)") }, to: "in")
        try router.consumeBatches("b", from: "in", on: broker, upTo: 3, within: .milliseconds(50)) { batch, _ in
            sizes.update { $0.append(batch.count) }
            if sizes.value.count == 1 { first.fire() } else { second.fire() }
        }
        try await withRunning(router) {
            try await first.wait()
            #expect(sizes.value == [3])
            // The deadline of the second batch, and the look of the worker's watcher.
            try await clock.waitForTimers(2)
            while !second.hasFired {
                clock.advance(by: .milliseconds(50))
                await Task.yield()
            }
        }
        #expect(sizes.value == [3, 2])
        #expect(broker.depth(of: "in", group: "b")?.total == 0)
    }

    @Test func aBatchHandlerSettlesSomeByItself() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        let rounds = Box<[[String]]>([])
        let done = Signal()
        try await broker.prepare(topic: "in", group: "b")
        try await broker.publish(["a", "b", "c"].map { Message(text: $0) }, to: "in")
        try router.consumeBatches("b", from: "in", on: broker, upTo: 10, within: .zero) { batch, _ in
            rounds.update { $0.append(batch.map { $0.message.payload.text ?? "" }) }
            for delivery in batch where delivery.message.payload.text == "b" && delivery.attempt == 1 {
                batch.settle(delivery, .retry(after: .zero))
            }
            if rounds.value.count == 2 { done.fire() }
        }
        try await withRunning(router) { try await done.wait() }
        #expect(rounds.value == [["a", "b", "c"], ["b"]])
        #expect(broker.depth(of: "in", group: "b")?.total == 0)
    }

    @Test func handlersComeAndGoWhileRunning() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        try await withRunning(router) {
            let out = try await TopicProbe(of: "out", on: broker)
            try router.handle("h", from: "in", on: broker, to: "out") { message, _ in [message] }
            try await broker.prepare(topic: "in", group: "h")
            try await broker.publish(Message(text: "1"), to: "in")
            #expect(try await out.next().payload.text == "1")
            try await router.stop("h")
            #expect(router.health.handlers.isEmpty)
            try await broker.publish(Message(text: "2"), to: "in")
            #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
            try router.handle("h", from: "in", on: broker, to: "out") { message, _ in [message] }
            #expect(try await out.next().payload.text == "2")
            await #expect(throws: MillraceError.self) { try await router.stop("nobody") }
        }
    }

    @Test func aPausedHandlerFetchesNothing() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        try router.handle("h", from: "in", on: broker, to: "out") { message, _ in [message] }
        try await withRunning(router) {
            let out = try await TopicProbe(of: "out", on: broker)
            try router.pause("h")
            #expect(router.health.handlers.first?.state == .paused)
            #expect(router.health.isReady)
            try await broker.publish(Message(text: "1"), to: "in")
            #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
            try router.resume("h")
            #expect(try await out.next().payload.text == "1")
            #expect(router.health.handlers.first?.state == .running)
        }
    }

    @Test func aRouterRunsOnce() async throws {
        let router = Router(.quiet)
        try await withRunning(router) {}
        #expect(router.health.phase == .stopped)
        let error = await #expect(throws: MillraceError.self) { try await router.run(stoppingOn: []) }
        #expect(error?.code == .invalidState)
        await #expect(throws: MillraceError.self) { try await router.waitUntilRunning() }
    }

    @Test func cancellingTheTaskShutsDown() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        try router.consume("h", from: "in", on: broker) { _, _ in }
        let task = Task { try await router.run(stoppingOn: []) }
        try await router.waitUntilRunning()
        task.cancel()
        try await task.value
        #expect(router.health.phase == .stopped)
    }

    @Test func decoratorsStandAroundTransports() async throws {
        struct Stamping: Publisher {
            let base: any Publisher
            let name: String
            func publish(_ messages: [Message], to topic: String) async throws {
                var messages = messages
                for index in messages.indices { messages[index].metadata["by"] = (messages[index].metadata["by"] ?? "") + name }
                try await base.publish(messages, to: topic)
            }
        }
        let broker = try quietBroker()
        let router = Router(.quiet)
        router.decoratePublishers { Stamping(base: $0, name: "1") }
        router.decoratePublishers { Stamping(base: $0, name: "2") }
        try router.handle("h", from: "in", on: broker, to: "out") { message, _ in [message] }
        try await withRunning(router) {
            let out = try await TopicProbe(of: "out", on: broker)
            try await broker.publish(Message(text: "1"), to: "in")
            #expect(try await out.next().metadata["by"] == "21")
        }
    }

    @Test func pluginsLiveAsLongAsTheRouter() async throws {
        struct Recorder: RouterPlugin {
            let log: Box<[String]>
            let name: String
            func start(_ router: Router) async throws {
                if name == "bad" { throw Flaky() }
                log.update { $0.append("start \(name)") }
            }
            func stop(_ router: Router) async { log.update { $0.append("stop \(name)") } }
        }
        let log = Box<[String]>([])
        var options = RouterOptions.quiet
        options.plugins = [Recorder(log: log, name: "a"), Recorder(log: log, name: "b")]
        try await withRunning(Router(options)) {}
        #expect(log.value == ["start a", "start b", "stop b", "stop a"])
        options.plugins = [Recorder(log: log, name: "c"), Recorder(log: log, name: "bad")]
        await #expect(throws: Flaky.self) { try await Router(options).run(stoppingOn: []) }
        #expect(log.value.suffix(2) == ["start c", "stop c"])
    }

    @Test func aLostSubscriptionIsOpenedAgain() async throws {
        let broker = try quietBroker()
        let subscriber = CuttingSubscriber(base: broker, cuts: 2)
        var options = RouterOptions.quiet
        options.restart = .constant(.milliseconds(1))
        let router = Router(options)
        try router.handle("h", from: "in", on: subscriber, to: "out", publishingOn: broker) { message, _ in [message] }
        try await withRunning(router) {
            let out = try await TopicProbe(of: "out", on: broker)
            for number in 0..<10 { try await broker.publish(Message(text: "\(number)"), to: "in") }
            for number in 0..<10 { #expect(try await out.next().payload.text == "\(number)") }
            #expect(router.health.handlers.first?.restarts == 2)
            #expect(router.health.isLive)
        }
    }

    @Test func describesItself() throws {
        let broker = try quietBroker()
        let router = Router(.quiet) { Retry() }
        try router.handle("invoice", from: "orders", on: broker, to: "invoices", options: .init(concurrency: 4, ordered: .byKey))
        {
            message, _ in [message]
        }
        try router.consume("audit", from: "invoices", on: broker, options: .init(group: .none)) { _, _ in }
        let topology = router.describe()
        #expect(
            topology.text == """
                orders -> invoice -> invoices  (memory, group invoice, concurrency 4, by key, Retry)
                invoices -> audit  (memory, no group, concurrency 1, Retry)
                """)
        #expect(
            topology.mermaid == """
                flowchart LR
                    t0(["orders"])
                    t1(["invoices"])
                    h0["invoice"]
                    t0 --> h0
                    h0 --> t1
                    h1["audit"]
                    t1 --> h1
                """)
        #expect(try topology.json().contains(#""name":"invoice""#))
    }
}
