import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

@Suite struct EventGroupTests {
    private func shop(@MiddlewareBuilder middleware: () -> [any Middleware] = { [] }) throws -> Shop {
        try Shop(topics: .shared(commands: "commands", events: "events"), middleware: middleware)
    }

    @Test func aGroupSeesItsEventsInOrder() async throws {
        let shop = try shop()
        let log = Log<String>()
        try shop.router.register(
            shop.cqrs.group("list") {
                OnEvent(Opened.self) { event, _ in log.append("open \(event.account)") }
                OnEvent(Closed.self) { event, _ in log.append("close \(event.account)") }
                OnEvent(Opened.self, named: "count") { event, _ in log.append("count \(event.account)") }
            })
        try await withRunning(shop.router) {
            try await shop.cqrs.publish([Opened(account: "a"), Closed(account: "a"), Opened(account: "b")])
            #expect(try await log.reach(5) == ["open a", "count a", "close a", "open b", "count b"])
        }
        #expect(shop.router.describe().handlers.map(\.topic) == ["events"])
    }

    @Test(arguments: [true, false])
    func aFailureRunsOnlyWhatHasNotSucceeded(_ inPlace: Bool) async throws {
        let shop = try shop { if inPlace { Retry(attempts: 4, backoff: .constant()) } }
        let audits = try await shop.probe(Audit.self)
        let log = Log<String>()
        try shop.router.register(
            shop.cqrs.group("list", options: .init(redelivery: .constant())) {
                OnEvent(Opened.self, named: "first") { event, context in
                    log.append("first")
                    try await context.send(Audit(text: "first"))
                }
                OnEvent(Opened.self, named: "second") { event, context in
                    log.append("second \(context.attempt)")
                    try await context.send(Audit(text: "second"))
                    if context.attempt < 3 { throw Flaky() }
                }
                OnEvent(Opened.self, named: "third") { event, context in
                    log.append("third")
                    try await context.send(Audit(text: "third"))
                }
            })
        try await withRunning(shop.router) {
            try await shop.cqrs.publish(Opened(account: "a"), metadata: [MetadataKey.correlationID: "c"])
            #expect(try await log.reach(5) == ["first", "second 1", "second 2", "second 3", "third"])
            let messages = try await audits.collect(3)
            #expect(try messages.map { try $0.decode(Audit.self).text } == ["first", "second", "third"])
            #expect(messages.allSatisfy { $0.metadata[MetadataKey.correlationID] == "c" })
            // It is done, and does not come again.
            try await shop.cqrs.publish(Opened(account: "b"))
            #expect(try await log.reach(6)[5] == "first")
        }
    }

    /// Programs of others give many messages one id; what is noted of one of them must not count for the next.
    @Test func eventsThatShareAnIDAreToldApart() async throws {
        let shop = try shop()
        let log = Log<String>()
        try shop.router.register(
            shop.cqrs.group("list", options: .init(redelivery: .constant())) {
                OnEvent(Opened.self, named: "first") { event, context in
                    if event.account == "b", context.attempt == 1 { throw Flaky() }
                    log.append("first \(event.account)")
                }
                OnEvent(Opened.self, named: "second") { event, context in
                    if event.account == "a", context.attempt == 1 { throw Flaky() }
                    log.append("second \(event.account)")
                }
            })
        let opened = try await shop.probe(Opened.self)
        let all: Set = ["first a", "second a", "first b", "second b"]
        try await withRunning(shop.router) {
            try await shop.cqrs.publish([Opened(account: "a"), Opened(account: "b")])
            #expect(Set(try await log.reach(4)) == all)
            // The same once more, as somebody else would publish them.
            for event in try await opened.collect(2) {
                try await shop.broker.publish(
                    Message(id: "the one", payload: event.payload, metadata: event.metadata), to: "events")
            }
            #expect(Set(try await log.reach(8).suffix(4)) == all)
        }
    }

    /// The outputs of who has succeeded leave also when the event is given up.
    @Test func whatHasSucceededStandsWhenTheEventIsGivenUp() async throws {
        let poison = MemoryTransport(observers: Observers([]))
        let probe = try await TopicProbe(of: "poison", on: poison)
        let shop = try shop { PoisonQueue("poison", on: poison) }
        let audits = try await shop.probe(Audit.self)
        try shop.router.register(
            shop.cqrs.group("list") {
                OnEvent(Opened.self, named: "good") { _, context in try await context.send(Audit(text: "good")) }
                OnEvent(Opened.self, named: "bad") { _, context in
                    try await context.send(Audit(text: "bad"))
                    throw Reject("bad")
                }
            })
        try await withRunning(shop.router) {
            try await shop.cqrs.publish(Opened(account: "a"))
            #expect(DeadLetter(try await probe.next())?.reason == "bad")
            try await shop.cqrs.send(Audit(text: "end"))
            #expect(try await audits.collect(2).map { try $0.decode(Audit.self).text } == ["good", "end"])
        }
    }

    /// Another process knows of it by a store that both use; the attempt is made to look like the first one of a replay.
    @Test func progressIsSharedThroughAStore() async throws {
        let store = InMemoryDeduplicationStore()
        let log = Log<String>()
        let poison = MemoryTransport(observers: Observers([]))
        let probe = try await TopicProbe(of: "poison", on: poison)
        func member(fails: Bool) throws -> Shop {
            let shop = try shop { PoisonQueue("poison", on: poison) }
            try shop.router.register(
                shop.cqrs.group("list", progress: store) {
                    OnEvent(Opened.self, named: "first") { _, _ in log.append("first") }
                    OnEvent(Opened.self, named: "second") { _, _ in
                        log.append("second")
                        if fails { throw Flaky() }
                    }
                })
            return shop
        }
        let one = try member(fails: true)
        var message = try await withRunning(one.router) {
            try await one.cqrs.publish(Opened(account: "a"))
            return try #require(DeadLetter(try await probe.next())).message
        }
        message.metadata[MetadataKey.replays] = "1"
        let two = try member(fails: false)
        try await withRunning(two.router) {
            try await two.broker.publish(message, to: "events")
            try await two.broker.publish(message, to: "events")
            #expect(try await log.reach(4) == ["first", "second", "second", "second"])
        }
    }

    @Test func whatCannotWorkIsRefused() throws {
        let shop = try Shop()
        func refusal(_ handler: CQRSHandler) -> MillraceError? {
            #expect(throws: MillraceError.self) { try shop.router.register(handler) }
        }
        let split = refusal(
            shop.cqrs.group("list") {
                OnEvent(Opened.self) { _, _ in }
                OnEvent(Closed.self) { _, _ in }
            })
        #expect(
            split?.message
                == "event group 'list': from is nil, it must be stated, as the events have different topics: bank.Closed, bank.Opened"
        )
        let twice = refusal(
            shop.cqrs.group("list") {
                OnEvent(Opened.self) { _, _ in }
                OnEvent(Opened.self) { _, _ in }
            })
        #expect(twice?.code == .duplicateHandler)
        #expect(refusal(shop.cqrs.group("list") {})?.message.contains("at least 1") == true)
        #expect(
            refusal(shop.cqrs.group("list", options: .init(transactional: true)) { OnEvent(Opened.self) { _, _ in } })?
                .message.contains("done one by one") == true)
    }

    @Test func unknownEventsFollowThePolicy() async throws {
        let poison = MemoryTransport(observers: Observers([]))
        let probe = try await TopicProbe(of: "poison", on: poison)
        let shop = try shop { PoisonQueue("poison", on: poison) }
        try shop.router.register(shop.cqrs.group("list") { OnEvent(Opened.self) { _, _ in } })
        try await withRunning(shop.router) {
            try await shop.broker.publish(
                [Message(text: "{}", metadata: ["name": "Else"]), Message(text: "{", metadata: ["name": "Opened"])], to: "events")
            let letters = try await probe.collect(2).compactMap { DeadLetter($0) }
            #expect(letters[0].reason.contains("its name 'Else' is not known here; topic 'events' is read for 'Opened'"))
            #expect(letters[1].errorType == "MillraceError.decodingFailed")
        }
    }
}
