import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

@Suite struct BusTests {
    @Test func commandsReachTheirHandlerAndEventsAllOfTheirs() async throws {
        let shop = try Shop()
        let seen = Log<String>()
        try shop.router.register(
            shop.cqrs.handler(Open.self) { command, context in
                try await context.publish(Opened(account: command.account))
            })
        for name in ["mail", "ledger"] {
            try shop.router.register(
                shop.cqrs.handler(name, on: Opened.self) { event, context in seen.append("\(name) \(event.account)") })
        }
        try await withRunning(shop.router) {
            try await shop.cqrs.send(Open(account: "ada"))
            #expect(Set(try await seen.reach(2)) == ["mail ada", "ledger ada"])
        }
    }

    @Test func messagesSayWhatTheyAre() async throws {
        let shop = try Shop()
        let probe = try await shop.probe(Open.self)
        try await shop.cqrs.send(Open(account: "ada"), metadata: ["tenant": "7"])
        let message = try await probe.next()
        #expect(message.metadata == ["name": "Open", "content-type": "application/json", "tenant": "7"])
        #expect(message.key == "ada")
        #expect(message.payload.text == #"{"account":"ada"}"#)
        #expect(probe.topic == "bank.Open")
    }

    @Test func outputsLeaveWithTheReturnAndCarryTheIdsOn() async throws {
        let shop = try Shop { Retry(attempts: 3, backoff: .constant()) }
        let opened = try await shop.probe(Opened.self)
        let audits = try await shop.probe(Audit.self)
        try shop.router.register(
            shop.cqrs.handler(Open.self) { command, context in
                try await context.publish(Opened(account: "attempt \(context.attempt)"))
                try await context.send([Audit(text: "a"), Audit(text: "b")], metadata: ["x": "y"])
                if context.attempt < 3 { throw Flaky() }
            })
        try await withRunning(shop.router) {
            try await shop.cqrs.send(Open(account: "ada"), metadata: [MetadataKey.correlationID: "c-1"])
            let event = try await opened.next()
            #expect(try event.decode(Opened.self) == Opened(account: "attempt 3"))
            #expect(event.metadata[MetadataKey.correlationID] == "c-1")
            #expect(event.metadata[MetadataKey.causationID] != nil)
            let commands = try await audits.collect(2)
            #expect(try commands.map { try $0.decode(Audit.self).text } == ["a", "b"])
            #expect(commands.allSatisfy { $0.metadata["x"] == "y" && $0.metadata[MetadataKey.correlationID] == "c-1" })
        }
        #expect(opened.messages.count == 1)
    }

    @Test func aContextIsOverWhenItsHandlerHasReturned() async throws {
        let shop = try Shop()
        let kept = Log<CQRSContext>()
        try shop.router.register(
            shop.cqrs.handler(Open.self) { _, context in
                kept.append(context)
            })
        try await withRunning(shop.router) {
            try await shop.cqrs.sendAndWait(Open(account: "ada"))
            let context = kept.elements[0]
            let error = await #expect(throws: MillraceError.self) { try await context.publish(Opened(account: "late")) }
            #expect(error?.code == .invalidState)
        }
    }

    @Test func batchesArePublishedInOrderByTopic() async throws {
        let shop = try Shop()
        let opened = try await shop.probe(Opened.self)
        let closed = try await shop.probe(Closed.self)
        try await shop.cqrs.publish([Opened(account: "a"), Closed(account: "b"), Opened(account: "c")])
        #expect(try await opened.collect(2).map { try $0.decode(Opened.self).account } == ["a", "c"])
        #expect(try await closed.next().decode(Closed.self).account == "b")
    }

    @Test func aBatchSaysWhichOfItFailed() async throws {
        let publisher = RefusingPublisher(topic: "bank.Closed")
        let cqrs = CQRS(
            publishingOn: publisher, subscribingOn: MemoryTransport(observers: Observers([])), topics: .perType(prefix: "bank."))
        let error = await #expect(throws: MillraceError.self) {
            try await cqrs.publish([Opened(account: "a"), Closed(account: "b"), Opened(account: "c"), Closed(account: "d")])
        }
        #expect(error?.code == .publishFailed)
        #expect(error?.failures.map(\.index) == [1, 3])
    }

    @Test func hooksSeeWhatPasses() async throws {
        var options = CQRSOptions.quiet
        let handled = Log<String>()
        options.hooks.onSend = { message, command in message.metadata["sent"] = "\(command)" }
        options.hooks.onPublish = { message, event in
            guard let event = event as? Opened, event.account != "nobody" else { throw Flaky() }
            message.key = "hooked"
        }
        options.hooks.onHandle = { value, context, next in
            handled.append("before \(type(of: value)) \(context.metadata["sent"] != nil)")
            try await next()
            handled.append("after")
        }
        let shop = try Shop(options)
        let opened = try await shop.probe(Opened.self)
        try shop.router.register(
            shop.cqrs.handler(Open.self) { command, context in try await context.publish(Opened(account: command.account)) })
        try await withRunning(shop.router) {
            try await shop.cqrs.send(Open(account: "ada"))
            #expect(try await opened.next().key == "hooked")
            #expect(handled.elements == ["before Open true", "after"])
            await #expect(throws: Flaky.self) { try await shop.cqrs.publish(Opened(account: "nobody")) }
        }
    }

    @Test func middlewareStandsAroundOneHandler() async throws {
        struct Mark: Middleware {
            let log: Log<String>
            func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
                log.append(context.handler)
                return try await next(message, context)
            }
        }
        let shop = try Shop()
        let log = Log<String>()
        try shop.router.register(shop.cqrs.handler(Open.self, named: "marked", options: .init { Mark(log: log) }) { _, _ in })
        try shop.router.register(shop.cqrs.handler(Audit.self) { _, _ in })
        try await withRunning(shop.router) {
            try await shop.cqrs.sendAndWait(Audit(text: ""))
            try await shop.cqrs.sendAndWait(Open(account: ""))
        }
        #expect(log.elements == ["marked"])
    }
}

/// Refuses what goes to one topic.
private struct RefusingPublisher: Publisher {
    let topic: String

    func publish(_ messages: [Message], to topic: String) async throws {
        if topic == self.topic { throw MillraceError(.connectionFailed, "down", isRetriable: true) }
    }
}
