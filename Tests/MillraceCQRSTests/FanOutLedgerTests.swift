import Millrace
import Testing

@testable import MillraceCQRS

@Suite struct FanOutLedgerTests {
    @Test func aDeliveryEndsWithTheLastConsumer() {
        let ledger = Books(consumers: 3)
        let number = ledger.take(DeliveryToken(7), at: Position(high: 1, low: 2))
        #expect(ledger.finish(number, by: 2) == nil)
        #expect(ledger.finish(number, by: 0) == nil)
        #expect(ledger.position(of: number) == Position(high: 1, low: 2))
        #expect(ledger.tokens == [DeliveryToken(7)])
        #expect(ledger.finish(number, by: 1) == .acknowledged(DeliveryToken(7)))
        #expect(ledger.count == 0)
        #expect(ledger.position(of: number) == nil)
    }

    @Test func aConsumerCountsOnce() {
        let ledger = Books(consumers: 2)
        let number = ledger.take(DeliveryToken(1), at: Position(low: 1))
        for _ in 0..<3 { #expect(ledger.finish(number, by: 0) == nil) }
        #expect(ledger.count == 1)
        #expect(ledger.finish(number, by: 1) != nil)
        #expect(ledger.finish(number, by: 1) == nil)
        #expect(ledger.finish(99, by: 1) == nil)
    }

    @Test func oneThatRejectsIsEnoughOnceAllHaveMadeAnEnd() {
        let ledger = Books(consumers: 3)
        let number = ledger.take(DeliveryToken(1), at: Position(low: 1))
        #expect(ledger.finish(number, by: 1, rejecting: "bad") == nil)
        #expect(ledger.finish(number, by: 0) == nil)
        let rejections = [
            FanOutLedger.Rejection(consumer: 1, reason: "bad"), FanOutLedger.Rejection(consumer: 2, reason: "worse"),
        ]
        #expect(ledger.finish(number, by: 2, rejecting: "worse") == .rejected(DeliveryToken(1), by: rejections))
    }

    @Test func aDeliveryThatComesAgainIsAnotherOne() {
        let ledger = Books(consumers: 1)
        let numbers = (0..<2).map { _ in ledger.take(DeliveryToken(1), at: Position(low: 5)) }
        #expect(numbers[0] < numbers[1])
        #expect(ledger.finish(numbers[0], by: 0) != nil)
        #expect(ledger.position(of: numbers[1]) == Position(low: 5))
    }

    @Test func asManyConsumersAsCanBe() {
        let count = FanOutLedger.maximumConsumers
        let ledger = Books(consumers: count)
        let number = ledger.take(DeliveryToken(1), at: Position(low: 1))
        for consumer in 0..<count - 1 { #expect(ledger.finish(number, by: consumer) == nil) }
        #expect(ledger.finish(number, by: count - 1) == .acknowledged(DeliveryToken(1)))
    }

    @Test(arguments: 0..<5) func inAnyOrderNothingEndsEarly(_ seed: UInt64) {
        let random = RandomSource(seed: seed)
        let ledger = Books(consumers: 4)
        var missing: [UInt64: Set<Int>] = [:]
        for token in 0..<200 { missing[ledger.take(DeliveryToken(UInt64(token)), at: Position(low: 0))] = Set(0..<4) }
        while !missing.isEmpty {
            let number = missing.keys.sorted()[Int(random.next() % UInt64(missing.count))]
            let consumer = Int(random.next() % 4)
            let isLast = missing[number] == [consumer]
            #expect((ledger.finish(number, by: consumer) != nil) == isLast)
            missing[number]?.remove(consumer)
            if missing[number]?.isEmpty == true { missing[number] = nil }
            #expect(ledger.count == missing.count)
        }
    }
}

/// A ledger that expectations can change.
private final class Books {
    private var ledger: FanOutLedger

    init(consumers: Int) { ledger = FanOutLedger(consumers: consumers) }

    var count: Int { ledger.count }
    var tokens: [DeliveryToken] { ledger.tokens }

    func take(_ token: DeliveryToken, at position: Position) -> UInt64 { ledger.take(token, at: position) }
    func position(of number: UInt64) -> Position? { ledger.position(of: number) }
    func finish(_ number: UInt64, by consumer: Int, rejecting reason: String? = nil) -> FanOutLedger.Completion? {
        ledger.finish(number, by: consumer, rejecting: reason)
    }
}
