import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceRedis
import MillraceTesting
import TestSupport
import Testing

/// Whether a request's time is over is told by the broker's clock, and by none where that is not known.
@Suite struct RequestClockTests {
    static let skews: [Duration] = [.seconds(7_200), .seconds(-7_200)]

    /// A transport for the requester and one for the replier, to the same broker.
    private static func transports(_ backend: Backend, _ clock: any SchedulingClock) async throws -> (
        any Transport, any Transport
    ) {
        switch backend {
        case .redis:
            (
                try await RedisTransport(url: TestRedis.url, observers: Observers()),
                try await RedisTransport(url: TestRedis.url, clock: clock, observers: Observers())
            )
        default:
            { ($0, $0) }(MemoryTransport(observers: Observers()))
        }
    }

    private static func options(_ clock: any SchedulingClock, _ observers: [any Observer] = []) -> CQRSOptions {
        var options = CQRSOptions.quiet
        options.clock = clock
        options.observers = Observers(observers)
        return options
    }

    /// Runs a replier whose machine has a clock that differs.
    private static func withReplier(
        on backend: Backend, _ skew: Duration,
        _ body: (_ asking: CQRS, _ broker: any Transport, _ replying: CQRS) async throws -> Void
    ) async throws {
        let clock = SkewedClock(by: skew)
        let (here, there) = try await transports(backend, clock)
        let topics = TopicScheme.perType(prefix: "clocks-\(MessageID.next()).")
        let asking = CQRS(on: here, topics: topics, .quiet)
        let replying = CQRS(on: there, topics: topics, options(clock))
        let router = Router(.quiet([asking, replying]))
        try router.register(replying.handler(Ask.self) { request, _ in Answer(number: request.number * 2) })
        try await withRunning(router) { try await body(asking, here, replying) }
        try await (here as? any TransportAdministration)?.remove(topic: asking.topic(of: Ask.self))
        await here.close()
        await there.close()
    }

    @Test(arguments: [Backend.memory, .redis], skews)
    func aReplierWhoseClockIsWrongAnswers(_ backend: Backend, _ skew: Duration) async throws {
        try await Self.withReplier(on: backend, skew) { asking, _, replying in
            let answer = try await asking.request(Ask(number: 21), timeout: .seconds(10))
            #expect(answer == Answer(number: 42))
            #expect(replying.statistics.expiredReplies == 0)
        }
    }

    @Test(arguments: [Backend.memory, .redis], skews)
    func itKnowsAllTheSameWhenTheTimeIsOver(_ backend: Backend, _ skew: Duration) async throws {
        try await Self.withReplier(on: backend, skew) { asking, broker, replying in
            let now = SystemClock.shared.unixMilliseconds
            func request(_ id: String, until: Int64) throws -> Message {
                try Message(
                    encoding: Ask(number: 1),
                    metadata: [
                        "name": "Ask", MetadataKey.replyTopic: "\(asking.topic(of: Ask.self)).replies", MetadataKey.requestID: id,
                        MetadataKey.replyUntil: "\(until)",
                    ])
            }
            let inbox = try await TopicProbe(of: "\(asking.topic(of: Ask.self)).replies", on: broker)
            try await broker.publish(
                [request("over", until: now - 60_000), request("in time", until: now - 1_000)], to: asking.topic(of: Ask.self))
            #expect(try await inbox.next().metadata[MetadataKey.requestID] == "in time")
            #expect(replying.statistics.expiredReplies == 1)
            await inbox.close()
            try await (broker as? any TransportAdministration)?.remove(topic: "\(asking.topic(of: Ask.self)).replies")
        }
    }

    @Test(arguments: skews)
    func withoutABrokersTimeEverybodyIsAnswered(_ skew: Duration) async throws {
        let broker = Timeless(base: MemoryTransport(observers: Observers()))
        let topics = TopicScheme.perType(prefix: "bank.")
        let asking = CQRS(publishingOn: broker, subscribingOn: broker, topics: topics, .quiet)
        let replying = CQRS(publishingOn: broker, subscribingOn: broker, topics: topics, Self.options(SkewedClock(by: skew)))
        let router = Router(.quiet([asking, replying]))
        try router.register(replying.handler(Ask.self) { request, _ in Answer(number: request.number * 2) })
        try await withRunning(router) {
            let answer = try await asking.request(Ask(number: 21), timeout: .seconds(10))
            #expect(answer == Answer(number: 42))
        }
    }

    /// The requester does not know the broker's time, so that its own is in the request; the replier knows it.
    @Test func aDeadlineByAnotherClockIsNotJudged() async throws {
        let memory = MemoryTransport(observers: Observers())
        let topics = TopicScheme.perType(prefix: "bank.")
        let asking = CQRS(
            publishingOn: Timeless(base: memory), subscribingOn: memory, topics: topics,
            Self.options(SkewedClock(by: .seconds(-7_200))))
        let replying = CQRS(on: memory, topics: topics, .quiet)
        let router = Router(.quiet([asking, replying]))
        try router.register(replying.handler(Ask.self) { request, _ in Answer(number: request.number * 2) })
        try await withRunning(router) {
            let answer = try await asking.request(Ask(number: 21), timeout: .seconds(10))
            #expect(answer == Answer(number: 42))
        }
    }

    @Test func aDeadlineFromBeyondABridgeIsNotJudged() async throws {
        try await Self.withReplier(on: .memory, .zero) { asking, broker, replying in
            let inbox = try await TopicProbe(of: "replies", on: broker)
            let request = try Message(
                encoding: Ask(number: 1),
                metadata: [
                    "name": "Ask", MetadataKey.replyTopic: "replies", MetadataKey.requestID: "far",
                    MetadataKey.replyUntil: "1000",
                    MetadataKey.bridges: "to-cloud",
                ])
            try await broker.publish(request, to: asking.topic(of: Ask.self))
            #expect(try await inbox.next().metadata[MetadataKey.requestID] == "far")
            #expect(replying.statistics.expiredReplies == 0)
        }
    }

    @Test func whoIsNotAnsweredIsReportedAndAStormOfThemAtMostOnceASecond() async throws {
        let clock = ManualClock()
        let observer = RecordingObserver(level: .warning)
        let shop = try Shop(Self.options(clock, [observer]))
        try shop.router.register(shop.cqrs.handler(Ask.self) { request, _ in Answer(number: request.number) })
        let inbox = try await TopicProbe(of: "replies", on: shop.broker)
        let now = SystemClock.shared.unixMilliseconds
        func publish(_ count: Int, late: Int64) async throws {
            let messages = try ((0..<count).map { _ in now - late } + [now + 60_000]).map { until in
                try Message(
                    encoding: Ask(number: 1),
                    metadata: [
                        "name": "Ask", MetadataKey.replyTopic: "replies", MetadataKey.requestID: "r",
                        MetadataKey.replyUntil: "\(until)",
                    ])
            }
            try await shop.broker.publish(messages, to: "bank.Ask")
            // The last one is in time: when it is answered, all have been handled.
            _ = try await inbox.next()
        }
        func counts() -> [String] {
            observer.events.compactMap { event in
                guard case .log("a request came too late to be answered", "Ask", let fields) = event.kind else { return nil }
                #expect(event.level == .warning && fields.map(\.0) == ["name", "topic", "late", "count"])
                #expect(fields[0].1 == "Ask" && fields[1].1 == "bank.Ask")
                guard case .duration(let late) = fields[2].1 else { return nil }
                #expect((.seconds(7_200)..<(.seconds(7_300))).contains(late))
                return fields[3].1.description
            }
        }
        try await withRunning(shop.router) {
            try await publish(1_000, late: 7_200_000)
            #expect(counts() == ["1"])
            clock.advance(by: .seconds(1))
            #expect(counts() == ["1", "999"])
            clock.advance(by: .seconds(1))
            #expect(counts() == ["1", "999"])
            try await publish(1, late: 7_200_000)
            #expect(counts() == ["1", "999", "1"])
            #expect(shop.cqrs.statistics.expiredReplies == 1_001)
        }
    }
}

/// A broker whose time nobody knows.
private struct Timeless: Publisher, Subscriber {
    let base: MemoryTransport

    var capabilities: Capabilities { base.capabilities }

    func publish(_ messages: [Message], to topic: String) async throws { try await base.publish(messages, to: topic) }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        try await base.subscribe(to: topic, options)
    }
}
