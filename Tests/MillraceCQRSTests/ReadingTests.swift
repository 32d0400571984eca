import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

/// Names, versions and payloads that are not those of today.
@Suite struct ReadingTests {
    struct PricedV1: Codable, Sendable { var cents: Int }

    struct Priced: DomainEvent, Hashable {
        static let messageName = "sku-priced"
        static let messageVersion = 3
        static let formerNames = ["PriceSet"]
        static var upcasters: [Upcaster<Priced>] {
            [
                Upcaster(from: 1, PricedV1.self) { Priced(cents: $0.cents, currency: "EUR") },
                Upcaster(from: 2) { Priced(cents: $0.payload.count, currency: $0.metadata["currency"] ?? "") },
            ]
        }

        var cents: Int
        var currency: String
    }

    private func message(_ text: String, _ metadata: Metadata) -> Message { Message(text: text, metadata: metadata) }

    private func run(
        _ policy: UnreadablePolicy = .init(), observers: [any Observer] = [], messages: [Message],
        _ check: (Shop, Log<Priced>, TopicProbe) async throws -> Void
    ) async throws {
        var options = CQRSOptions.quiet
        options.unreadable = policy
        let poison = MemoryTransport(observers: Observers([]))
        let shop = try Shop(options, observers: observers) {
            PoisonQueue("poison", on: poison)
            Retry(attempts: 2, backoff: .constant())
        }
        let seen = Log<Priced>()
        try shop.router.register(shop.cqrs.handler("price-list", on: Priced.self) { event, _ in seen.append(event) })
        let probe = try await TopicProbe(of: "poison", on: poison)
        try await withRunning(shop.router) {
            try await shop.broker.publish(messages, to: "bank.sku-priced")
            try await check(shop, seen, probe)
        }
    }

    @Test func olderVersionsAndFormerNamesAreRead() async throws {
        let messages = [
            message(#"{"cents":5}"#, ["name": "sku-priced"]),
            message("abc", ["name": "PriceSet", "millrace-version": "2", "currency": "SEK"]),
            message(#"{"cents":7,"currency":"USD"}"#, ["name": "sku-priced", "millrace-version": "3"]),
        ]
        try await run(messages: messages) { shop, seen, _ in
            #expect(
                try await seen.reach(3) == [
                    Priced(cents: 5, currency: "EUR"), Priced(cents: 3, currency: "SEK"), Priced(cents: 7, currency: "USD"),
                ])
            try await shop.cqrs.publish(Priced(cents: 9, currency: "JPY"))
            #expect(try await seen.reach(4).last == Priced(cents: 9, currency: "JPY"))
        }
    }

    @Test(
        arguments: [
            (["name": "other"], "{}", "its name 'other' is not known here; topic 'bank.sku-priced' is read for 'sku-priced'"),
            ([:], "{}", "it has no name"),
            (["name": "sku-priced", "millrace-version": "4"], "{}", "it is a 'sku-priced' of version 4; known are: 1, 2, 3"),
            (["name": "sku-priced", "millrace-version": "x"], "{}", "its version 'x' is not a number"),
            (["name": "sku-priced", "millrace-version": "3"], "{", "it can't be read as 'sku-priced' of version 3"),
            (["name": "sku-priced"], "\u{0}", "it can't be read as 'sku-priced' of version 1"),
            (["name": "sku-priced", "millrace-version": "3", "content-type": "text/csv"], "{}", "no codec that reads"),
        ] as [(Metadata, String, String)])
    func whatCannotBeReadIsRejected(_ metadata: Metadata, _ text: String, _ reason: String) async throws {
        let bad = message(text, metadata)
        try await run(messages: [bad]) { shop, seen, poison in
            let letter = try #require(DeadLetter(try await poison.next()))
            #expect(letter.message == bad)
            #expect(letter.reason.contains(reason), "\(letter.reason)")
            // Not tried again: it can't help.
            #expect(letter.attempts == 1)
            #expect(shop.cqrs.statistics.rejected == 1)
            #expect(seen.elements.isEmpty)
        }
    }

    @Test func whatIsSkippedIsSeen() async throws {
        let observer = RecordingObserver()
        let messages = [
            message("{}", ["name": "other"]),
            message(#"{"cents":7,"currency":"USD"}"#, ["name": "sku-priced", "millrace-version": "3"]),
        ]
        try await run(.init(unknownName: .skip), observers: [observer], messages: messages) { shop, seen, poison in
            try await seen.reach(1)
            #expect(shop.cqrs.statistics.skipped == 1)
            try await observer.event { event in
                if case .log("a message was skipped", "price-list", let fields) = event.kind {
                    return fields.contains { $0.1.description.contains("'other'") }
                }
                return false
            }
        }
    }

    @Test func whatIsUnreadableGoesToItsTopic() async throws {
        let letters = MemoryTransport(observers: Observers([]))
        let probe = try await TopicProbe(of: "broken", on: letters)
        let messages = [message("{", ["name": "sku-priced"])]
        try await run(.init(undecodable: .deadLetter("broken", on: letters)), messages: messages) { shop, _, poison in
            let letter = try #require(DeadLetter(try await probe.next()))
            #expect(letter.errorType == "MillraceError.decodingFailed")
            #expect(letter.message.payload.text == "{")
            #expect(poison.messages.isEmpty)
        }
    }

    @Test func whatIsNewerComesBack() async throws {
        let observer = RecordingObserver()
        let messages = [message("{}", ["name": "sku-priced", "millrace-version": "4"])]
        let policy = UnreadablePolicy(unknownVersion: .retryLater(after: .milliseconds(1)))
        try await run(policy, observers: [observer], messages: messages) { shop, _, _ in
            try await observer.event { event in
                if case .messageFailed(_, _, _, _, let attempt, _, _) = event.kind { return attempt == 3 }
                return false
            }
            #expect(shop.cqrs.statistics.postponed >= 3)
        }
    }

    @Test func handlersPassOverWhatOthersRead() async throws {
        let shop = try Shop(topics: .shared(commands: "commands", events: "events"))
        let seen = Log<String>()
        try shop.router.register(
            shop.cqrs.handler("opened", on: Opened.self) { event, _ in seen.append("opened \(event.account)") })
        try shop.cqrs.declare(Closed.self)
        try await withRunning(shop.router) {
            try await shop.cqrs.publish([Closed(account: "a"), Opened(account: "b")])
            #expect(try await seen.reach(1) == ["opened b"])
        }
        #expect(shop.cqrs.statistics == CQRSStatistics())
    }

    @Test func aBusHasItsCodec() async throws {
        var options = CQRSOptions.quiet
        options.codecs = Shouting()
        let shop = try Shop(options)
        let probe = try await shop.probe(Opened.self)
        let seen = Log<String>()
        try shop.router.register(shop.cqrs.handler("opened", on: Opened.self) { event, _ in seen.append(event.account) })
        try await withRunning(shop.router) {
            try await shop.cqrs.publish(Opened(account: "ada"))
            #expect(try await probe.next().metadata[MetadataKey.contentType] == "text/shouting")
            #expect(try await seen.reach(1) == ["ada"])
            // The family still reads what the service before it has written.
            try await shop.broker.publish(
                Message(
                    text: #"{"account":"old"}"#,
                    metadata: ["name": "Opened", "content-type": "application/json; charset=utf-8"]),
                to: "bank.Opened")
            #expect(try await seen.reach(2) == ["ada", "old"])
        }
    }
}

/// JSON behind an exclamation mark.
private struct Shouting: CodecFamily {
    struct Codec<Value: Codable & Sendable>: MessageCodec {
        var contentType: String { "text/shouting" }

        func encode(_ value: Value) throws -> [UInt8] { try [33] + JSONCodec(Value.self).encode(value) }
        func decode(_ payload: Payload) throws -> Value {
            try JSONCodec(Value.self).decode(Message(payload: Array(payload.dropFirst())).payload)
        }
    }

    func codec<Value: Codable & Sendable>(for type: Value.Type, contentType: String?) -> (any MessageCodec<Value>)? {
        switch contentType {
        case nil, "text/shouting": Codec<Value>()
        default: JSONCodecs().codec(for: type, contentType: contentType)
        }
    }
}
