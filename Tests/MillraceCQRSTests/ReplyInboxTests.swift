import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import TestSupport
import Testing

/// The life of the topic that all answers of a process arrive at.
@Suite struct ReplyInboxTests {
    @Test func aClosedInboxEndsItsRequests() async throws {
        let shop = try Shop()
        let commands = try await shop.probe(Ask.self)
        let answer = Task { try await shop.cqrs.request(Ask(number: 1), timeout: .seconds(3_600)) }
        _ = try await commands.next()
        await shop.cqrs.close()
        let error = await #expect(throws: MillraceError.self) { _ = try await answer.value }
        #expect(error?.code == .closed)
        let after = await #expect(throws: MillraceError.self) { _ = try await shop.cqrs.request(Ask(number: 1)) }
        #expect(after?.code == .closed)
    }

    @Test func theInboxLeavesNothingInTheBroker() async throws {
        let topic = Log<String>()
        try await Backend.redis.run { cqrs, router in
            try router.register(
                cqrs.handler(Ask.self) { _, context in
                    topic.append(context.metadata[MetadataKey.replyTopic] ?? "")
                    return Answer(number: 1)
                })
        } body: { cqrs, broker in
            _ = try await cqrs.request(Ask(number: 1))
            let inbox = topic.elements[0]
            func first() async throws -> String? {
                let probe = try await TopicProbe(of: inbox, on: broker, group: "look-\(MessageID.next())")
                let message = try await probe.next()
                await probe.close()
                return message.payload.text
            }
            #expect(try await first() == #"{"number":1}"#)
            await cqrs.close()
            try await broker.publish(Message(text: "mark"), to: inbox)
            #expect(try await first() == "mark")
            try await (broker as? any TransportAdministration)?.remove(topic: inbox)
        }
    }

    @Test func anInboxThatDoesNotOpenIsNotWaitedForForever() async throws {
        struct Stuck: Subscriber {
            var capabilities: Capabilities { [] }
            func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
                try await Signal().wait()
                throw CancellationError()
            }
        }
        let clock = ManualClock()
        var options = CQRSOptions.quiet
        options.clock = clock
        options.replies.timeout = .seconds(5)
        let broker = MemoryTransport(observers: Observers([]))
        let cqrs = CQRS(publishingOn: broker, subscribingOn: Stuck(), topics: .perType(), options)
        let waiting = Task { try await cqrs.request(Ask(number: 1)) }
        try await clock.waitForTimers(1)
        clock.advance(by: .seconds(5))
        let error = await #expect(throws: MillraceError.self) { _ = try await waiting.value }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("was not open within 5.0 seconds") == true)
        await cqrs.close()
    }

    @Test func theInboxEndsWithItsBus() async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let subscriber = CuttingInbox(base: broker)
        do {
            let cqrs = CQRS(publishingOn: broker, subscribingOn: subscriber, topics: .perType(), .quiet)
            _ = try await cqrs.replies(to: Audit(text: ""), as: Answer.self)
        }
        // Ends, without anybody having closed it.
        let subscription = subscriber.subscriptions.elements[0]
        try await withTimeLimit(.seconds(30), "the end of the inbox") {
            var batch = DeliveryBatch()
            while try await subscription.pull(into: &batch, upTo: 1) {}
        }
    }

    @Test func aLostInboxIsOpenedAgain() async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let observer = RecordingObserver()
        var options = CQRSOptions.quiet
        options.observers = Observers([observer])
        options.replies.restart = .constant(.milliseconds(1))
        let cutting = CuttingInbox(base: broker)
        let cqrs = CQRS(publishingOn: broker, subscribingOn: cutting, topics: .perType(), options)
        let router = Router(.quiet([cqrs]))
        let responder = CQRS(on: broker, topics: .perType(), .quiet)
        try router.register(responder.handler(Ask.self) { request, _ in Answer(number: request.number) })
        try await withRunning(router) {
            _ = try await cqrs.request(Ask(number: 1))
            await cutting.cut()
            try await cutting.subscriptions.reach(2)
            #expect(try await cqrs.request(Ask(number: 2)).number == 2)
            let reports = observer.count { event in
                if case .log("the reply inbox is lost and will be opened again", _, _) = event.kind { true } else { false }
            }
            #expect(reports == 1)
        }
    }

    @Test func anInboxThatCannotBeOpenedIsTriedAgain() async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let cutting = CuttingInbox(base: broker)
        cutting.refuse(1)
        let cqrs = CQRS(publishingOn: broker, subscribingOn: cutting, topics: .perType(), .quiet)
        let responder = CQRS(on: broker, topics: .perType(), .quiet)
        let router = Router(.quiet([cqrs]))
        try router.register(responder.handler(Ask.self) { request, _ in Answer(number: request.number) })
        try await withRunning(router) {
            let error = await #expect(throws: MillraceError.self) { _ = try await cqrs.request(Ask(number: 1)) }
            #expect(error?.code == .connectionFailed)
            let answer = try await cqrs.request(Ask(number: 2))
            #expect(answer.number == 2)
        }
    }
}

/// Closes what it has opened, or does not open it.
private final class CuttingInbox: Subscriber {
    private let base: MemoryTransport
    private let refusals = Lock(0)
    let subscriptions = Log<any Subscription>()

    init(base: MemoryTransport) { self.base = base }

    var capabilities: Capabilities { base.capabilities }

    func refuse(_ count: Int) { refusals.withLock { $0 = count } }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        let isRefused = refusals.withLock { left in
            left -= 1
            return left >= 0
        }
        if isRefused { throw MillraceError(.connectionFailed, "down", isRetriable: true) }
        let subscription = try await base.subscribe(to: topic, options)
        subscriptions.append(subscription)
        return subscription
    }

    func cut() async { for subscription in subscriptions.elements { await subscription.close() } }
}
