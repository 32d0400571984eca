import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

@Suite struct FanOutTests {
    typealias Kind = FanOutBench.Kind

    @Test(arguments: Kind.allCases) func everyConsumerGetsEveryMessage(_ kind: Kind) async throws {
        let bench = try await FanOutBench(kind)
        let router = Router(.quiet())
        let logs = ["a": Log<Message>(), "b": Log<Message>()]
        for (name, log) in logs {
            try router.consume(name, from: "orders", on: bench.fanOut, options: .init(concurrency: 4)) { message, _ in
                log.append(message)
            }
        }
        let sent = Arrivals.messages(0..<500)
        try await withRunning(router) {
            try await bench.broker.publish(sent, to: "orders")
            for log in logs.values {
                let received = try await log.reach(500)
                #expect(Set(received) == Set(sent))
            }
        }
        for log in logs.values { #expect(log.elements.count == 500) }
        #expect(try await bench.unacknowledged().isEmpty)
        await bench.broker.close()
    }

    @Test(arguments: Kind.allCases) func aMessageIsAcknowledgedWhenAllHaveAcknowledgedIt(_ kind: Kind) async throws {
        let bench = try await FanOutBench(kind)
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        try await bench.publish(0..<10)
        let (forA, forB) = (try await a.take(10), try await b.take(10))
        #expect(forA.texts == forB.texts)
        a.acknowledge(forA)
        b.acknowledge([forB[1], forB[4], forB[9]])
        try await b.flush()
        await a.close()
        await b.close()
        let rest = try await bench.unacknowledged()
        #expect(rest.texts == ["0", "2", "3", "5", "6", "7", "8"])
        #expect(rest.attempts.allSatisfy { $0 == 1 })
        #expect(try await bench.unacknowledged().isEmpty)
        await bench.broker.close()
    }

    @Test(arguments: Kind.allCases) func aRetryIsForTheConsumerThatWantsItAlone(_ kind: Kind) async throws {
        let bench = try await FanOutBench(kind)
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        try await bench.publish(0..<3)
        let (forA, forB) = (try await a.take(3), try await b.take(3))
        #expect(forA.map(\.position) == forB.map(\.position))
        b.acknowledge(forB)
        a.settle(forA[0].token, .retry(after: .milliseconds(5)))
        a.settle(forA[1].token, .retry(after: .zero))
        a.settle(forA[2].token, .release)
        var again = try await a.take(3)
        again.sort { $0.position < $1.position }
        #expect(again.texts == ["0", "1", "2"])
        #expect(again.attempts == [2, 2, 1])
        #expect(again.map(\.position) == forA.map(\.position))
        #expect(try await b.isEmpty())
        a.acknowledge(again)
        try await a.flush()
        await a.close()
        await b.close()
        #expect(try await bench.unacknowledged().isEmpty)
        await bench.broker.close()
    }

    @Test func attemptsGoOnFromThoseOfTheTransport() async throws {
        let bench = try await FanOutBench(.memory)
        try await bench.broker.prepare(topic: "orders", group: "shop")
        try await bench.publish(0..<1)
        let before = try await bench.broker.subscribe(to: "orders", SubscriptionOptions(group: "shop"))
        for _ in 0..<2 { before.settle(try await before.take(1)[0].token, .retry(after: .zero)) }
        await before.close()
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        let first = try await a.take(1)
        #expect(first.attempts == [3])
        a.settle(first[0].token, .retry(after: .zero))
        #expect(try await a.take(1).attempts == [4])
        #expect(try await b.take(1).attempts == [3])
    }

    @Test(arguments: Kind.allCases) func theOrderOfKeysIsKeptAcrossRetries(_ kind: Kind) async throws {
        let bench = try await FanOutBench(kind)
        let router = Router(.quiet())
        let logs = ["a": Log<Message>(), "b": Log<Message>()]
        for (name, log) in logs {
            try router.consume(
                name, from: "orders", on: bench.fanOut,
                options: .init(concurrency: 4, ordered: .byKey, redelivery: .constant(.milliseconds(1)))
            ) { message, context in
                guard context.attempt > 1 || message.payload.text?.hasSuffix(name == "a" ? "3" : "4") == false else {
                    throw Flaky()
                }
                log.append(message)
            }
        }
        try await withRunning(router) {
            try await bench.broker.publish(Arrivals.messages(0..<300), to: "orders")
            for log in logs.values {
                let arrivals = try await log.arrivals(of: 300)
                #expect(arrivals.copies == 300)
                #expect(arrivals.disordered.isEmpty, "\(arrivals.disordered) came out of order")
            }
        }
        await bench.broker.close()
    }

    @Test(arguments: Kind.allCases) func whatAConsumerRejectsIsRejectedWhenAllHaveMadeAnEndOfIt(_ kind: Kind) async throws {
        let bench = try await FanOutBench(kind)
        let probe = try await TopicProbe(of: "orders.dead-letter", on: bench.broker)
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        try await bench.publish(0..<2)
        let (forA, forB) = (try await a.take(2), try await b.take(2))
        a.settle(forA[0].token, .reject(reason: "no such customer"))
        a.acknowledge([forA[1]])
        // Rejected by all that have seen it, and still not by the fan-out: the other one comes first.
        b.settle(forB[1].token, .reject(reason: "too late"))
        b.acknowledge([forB[0]])
        try await b.flush()
        let letters = try await probe.collect(2)
        #expect(letters.map(\.payload.text) == ["1", "0"])
        #expect(
            letters.map { $0.metadata[MetadataKey.poisonReason] }
                == ["consumer 'b': too late", "consumer 'a': no such customer"])
        await a.close()
        await b.close()
        #expect(try await bench.unacknowledged().isEmpty)
        await bench.broker.close()
    }

    @Test func whatIsBroughtBackForTheGroupIsForAllConsumers() async throws {
        let bench = try await FanOutBench(.memory)
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        let ways = ["shop", "a"].map { Message(text: $0, metadata: [MetadataKey.replayGroup: $0]) }
        try await bench.broker.publish(ways, to: "orders")
        for consumer in [a, b] {
            let groups = try await consumer.take(2).map { $0.message.metadata[MetadataKey.replayGroup] }
            #expect(groups == [nil, "a"])
        }
    }
}
