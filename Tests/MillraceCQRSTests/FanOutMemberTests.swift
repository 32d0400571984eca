import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

/// Consumers of a fan-out that come, go, and share.
@Suite struct FanOutMemberTests {
    typealias Kind = FanOutBench.Kind

    @Test(arguments: Kind.allCases) func nothingIsFetchedBeforeAllConsumersAreThere(_ kind: Kind) async throws {
        let bench = try await FanOutBench(kind)
        let a = try await bench.subscribe("a")
        try await bench.publish(0..<3)
        #expect(try await a.isEmpty())
        // Nobody holds them: another member of the group could have them.
        let other = try await bench.broker.subscribe(to: "orders", SubscriptionOptions(group: "shop"))
        other.acknowledge(try await other.take(1))
        await other.close()
        let b = try await bench.subscribe("b")
        for consumer in [a, b] { #expect(try await consumer.take(2).texts == ["1", "2"]) }
        await bench.broker.close()
    }

    @Test(arguments: Kind.allCases) func aConsumerThatComesBackFindsWhatItLeft(_ kind: Kind) async throws {
        let bench = try await FanOutBench(kind)
        var a = try await bench.subscribe("a", ordered: .byKey)
        let b = try await bench.subscribe("b")
        for number in 0..<6 { try await bench.publish(number..<number + 1, key: "\(number % 3)") }
        // Of each key the first; what follows waits for both.
        let first = try await a.take(3)
        b.acknowledge(try await b.take(3))
        a.acknowledge([first[0]])
        a.settle(first[1].token, .retry(after: .zero))
        await a.close()
        a.acknowledge([first[2]])
        #expect(try await b.take(1).texts == ["3"])
        a = try await bench.subscribe("a", ordered: .byKey)
        let again = try await a.take(3)
        #expect(Set(again.texts) == ["1", "2", "3"])
        #expect(again.first { $0.message.payload.text == "1" }?.attempt == 2)
        #expect(again.first { $0.message.payload.text == "2" }?.attempt == 1)
        a.acknowledge(again)
        #expect(Set(try await a.take(2).texts) == ["4", "5"])
        await a.close()
        await b.close()
        #expect(try await bench.unacknowledged().texts == ["3", "4", "5"])
        await bench.broker.close()
    }

    @Test func aHandlerIsStoppedAndStarted() async throws {
        let bench = try await FanOutBench(.memory)
        let (forA, forB) = (Log<Message>(), Log<Message>())
        let sent = Arrivals.messages(0..<300)
        let other = Router(.quiet())
        try other.consume("b", from: "orders", on: bench.fanOut) { message, _ in forB.append(message) }
        try await withRunning(other) {
            for round in 0..<3 {
                let router = Router(.quiet())
                try router.consume("a", from: "orders", on: bench.fanOut, options: .init(concurrency: 2)) { message, _ in
                    forA.append(message)
                }
                try await withRunning(router) {
                    try await bench.broker.publish(Array(sent[round * 100..<round * 100 + 100]), to: "orders")
                    try await forA.reach(round * 100 + 50)
                }
            }
            let router = Router(.quiet())
            try router.consume("a", from: "orders", on: bench.fanOut) { message, _ in forA.append(message) }
            try await withRunning(router) {
                for log in [forA, forB] {
                    let received = try await log.reach(300)
                    #expect(Set(received) == Set(sent))
                }
            }
        }
        // One of them was there all the time, so nothing had to come again.
        for log in [forA, forB] { #expect(log.elements.count == 300) }
        #expect(try await bench.unacknowledged().isEmpty)
    }

    @Test func subscriptionsOfAConsumerShareItsMessages() async throws {
        let bench = try await FanOutBench(.memory)
        let b = try await bench.subscribe("b")
        let (one, two) = (try await bench.subscribe("a", prefetch: 2), try await bench.subscribe("a", prefetch: 3))
        try await bench.publish(0..<7)
        let held = try await one.take(2)
        #expect(try await one.isEmpty())
        let others = try await two.take(3)
        #expect(try await two.isEmpty())
        #expect(held.texts + others.texts == ["0", "1", "2", "3", "4"])
        // What is not its own is not its to settle.
        two.acknowledge(held)
        two.settle(held[0].token, .retry(after: .zero))
        #expect(try await two.isEmpty())
        two.acknowledge(others)
        await one.close()
        let rest = try await two.take(3)
        #expect(rest.texts == ["0", "1", "5"])
        #expect(rest.attempts == [1, 1, 1])
        two.acknowledge(rest)
        #expect(try await two.take(1).texts == ["6"])
        #expect(try await b.take(7).count == 7)
    }

    @Test func aSubscriptionThatIsForgottenGivesBackWhatItHeld() async throws {
        let bench = try await FanOutBench(.memory)
        let b = try await bench.subscribe("b")
        let two = try await bench.subscribe("a")
        do {
            let one = try await bench.subscribe("a")
            try await bench.publish(0..<2)
            #expect(try await one.take(2).count == 2)
        }
        #expect(try await two.take(2).texts == ["0", "1"])
        _ = b
    }

    @Test func aPauseHoldsBackOneSubscription() async throws {
        let bench = try await FanOutBench(.memory)
        let b = try await bench.subscribe("b")
        let (one, two) = (try await bench.subscribe("a"), try await bench.subscribe("a"))
        let waiting = Task { try await one.take(1) }
        one.pause()
        try await bench.publish(0..<1)
        #expect(try await two.take(1).texts == ["0"])
        #expect(try await b.take(1).texts == ["0"])
        one.resume()
        try await bench.publish(1..<2)
        #expect(try await waiting.value.texts == ["1"])
    }

    @Test func whatIsUnfinishedIsBoundedForAllTogether() async throws {
        let bench = try await FanOutBench(.memory, prefetch: 4)
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        try await bench.publish(0..<9)
        let first = try await a.take(4)
        a.acknowledge(first)
        try await a.flush()
        #expect((bench.broker as? MemoryTransport)?.depth(of: "orders", group: "shop")?.inFlight == 4)
        #expect(try await a.isEmpty())
        b.acknowledge(try await b.take(1))
        #expect(try await a.take(1).texts == ["4"])
        #expect((bench.broker as? MemoryTransport)?.depth(of: "orders", group: "shop")?.total == 8)
    }

    @Test func theLastOneThatStopsEndsTheSubscription() async throws {
        let bench = try await FanOutBench(.memory)
        let (a, b) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        try await bench.publish(0..<2)
        let (forA, forB) = (try await a.take(2), try await b.take(2))
        a.stopFetching()
        b.stopFetching()
        for consumer in [a, b] {
            let error = await #expect(throws: MillraceError.self) { _ = try await consumer.take(1) }
            #expect(error?.message == "ended with 0 of 1")
        }
        // What was handed out can still be settled.
        a.acknowledge(forA)
        b.acknowledge(forB)
        try await a.flush()
        try await bench.publish(2..<3)
        // Another life begins; the old one takes nothing from it.
        let (c, d) = (try await bench.subscribe("a"), try await bench.subscribe("b"))
        for consumer in [c, d] { #expect(try await consumer.take(1).texts == ["2"]) }
        for consumer in [a, b, c, d] { await consumer.close() }
        #expect(try await bench.unacknowledged().texts == ["2"])
    }

    @Test func aConsumerThatWaitsForTheOthersCanLeave() async throws {
        let bench = try await FanOutBench(.memory)
        let a = try await bench.subscribe("a")
        let waiting = Task { try await a.take(1) }
        waiting.cancel()
        await #expect(throws: (any Error).self) { try await waiting.value }
        await a.close()
        let b = try await bench.subscribe("b")
        try await bench.publish(0..<1)
        #expect(try await b.isEmpty())
        let again = try await bench.subscribe("a")
        #expect(try await again.take(1).texts == ["0"])
        #expect(try await b.take(1).texts == ["0"])
    }
}
