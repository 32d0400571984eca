@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct PoisonQueueTests {
    @Test func keepsTheMessageAndSaysWhy() async throws {
        let bench = try Bench()
        let original = Message(id: "m-1", payload: [1, 2, 255], key: "k", metadata: ["a": "b"])
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run([original]) {
            PoisonQueue("poison", on: bench.broker)
            Retry(attempts: 2, backoff: .constant())
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            let message = try await poisoned.next()
            #expect(message.id == original.id)
            #expect(message.key == "k")
            #expect(message.payload == original.payload)
            #expect(message.metadata["a"] == "b")
            #expect(message.metadata["reason_poisoned"] == "Flaky()")
            #expect(message.metadata["topic_poisoned"] == "in")
            #expect(message.metadata["handler_poisoned"] == "h")
            #expect(message.metadata["subscriber_poisoned"] == "memory")
            #expect(message.metadata[MetadataKey.poisonErrorType] == "Flaky")
            #expect(message.metadata[MetadataKey.poisonAttempts] == "2")
            #expect(message.metadata[MetadataKey.poisonGroup] == "h")
            let first = message.metadata[MetadataKey.poisonFirstFailedAt].flatMap { Int64($0) } ?? 0
            let last = message.metadata[MetadataKey.poisonLastFailedAt].flatMap { Int64($0) } ?? 0
            #expect(first > 1_700_000_000_000 && first <= last)
        }
        #expect(bench.broker.depth(of: "in", group: "h")?.total == 0)
    }

    @Test func aFilterLetsOtherErrorsPass() async throws {
        let bench = try Bench()
        let attempts = Box(0)
        let done = Signal()
        try await bench.run([Message(text: "x")], .init(redelivery: .constant(.milliseconds(1)))) {
            PoisonQueue("poison", on: bench.broker, where: { $0 is Reject })
        } handler: { _, _ in
            if attempts.update({
                $0 += 1; return $0
            }) == 3 {
                done.fire()
                return []
            }
            throw Flaky()
        } _: { _ in
            try await done.wait()
        }
        #expect(attempts.value == 3)
    }

    @Test func aPoisonTopicThatIsDownLosesNothing() async throws {
        let bench = try Bench()
        let poison = FailingPublisher(failures: 2)
        try await bench.run([Message(text: "x")], .init(redelivery: .constant(.milliseconds(1)))) {
            PoisonQueue("poison", on: poison)
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            try await poison.accepted.wait()
        }
        #expect(poison.published.value.count == 1)
        #expect(bench.broker.depth(of: "in", group: "h")?.total == 0)
    }

    @Test func aMessageThatCrashesTheProcessIsRecognised() async throws {
        let bench = try Bench()
        // As after a crash: handed out twice and never settled.
        let crashing = try await bench.broker.subscribe(to: "in", SubscriptionOptions(group: "h"))
        try await bench.broker.publish(Message(text: "x"), to: "in")
        for _ in 0..<2 {
            var batch = DeliveryBatch()
            _ = try await crashing.pull(into: &batch, upTo: 1)
            for record in batch.records { crashing.settle(record.token, .retry(after: .zero)) }
        }
        await crashing.close()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        let handled = Box(0)
        try await bench.run([], .init(maximumAttempts: 2)) {
            PoisonQueue("poison", on: bench.broker)
            Retry()
        } handler: { _, _ in
            handled.update { $0 += 1 }
            return []
        } _: { _ in
            let message = try await poisoned.next()
            #expect(message.metadata["reason_poisoned"]?.contains("attemptsExhausted") == true)
        }
        #expect(handled.value == 0)
    }

    @Test("A handler of the poison topic itself tries its letters again, and their first record stays")
    func ownTopic() async throws {
        let broker = try quietBroker()
        let records = Box<[[String]]>([])
        let out = try await TopicProbe(of: "out", on: broker)
        let router = Router(.quiet) { PoisonQueue("poison", on: broker) }
        try router.handle(
            "complaints", from: "poison", on: broker, to: "out", options: .init(redelivery: .constant(.milliseconds(1)))
        ) { message, context in
            let letter = try #require(DeadLetter(message))
            records.update { $0.append([letter.topic, "\(context.deliveryAttempt)"]) }
            if context.deliveryAttempt < 3 { throw Flaky() }
            return [message]
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x", metadata: [MetadataKey.poisonTopic: "orders"]), to: "poison")
            _ = try await out.next()
        }
        #expect(records.value == [["orders", "1"], ["orders", "2"], ["orders", "3"]])
    }
}
