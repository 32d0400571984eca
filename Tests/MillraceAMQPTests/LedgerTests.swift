import Millrace
import MillraceTransportKit
import Testing

@testable import MillraceAMQP

extension AMQPTests {
    /// Which acknowledgements are sent, and what is made of messages that come again.
    @Suite("The ledger") struct LedgerTests {
        private let ledger = AMQPLedger(prefetch: 400)

        private func key(_ number: UInt64, content: Int = 0, isUnique: Bool = true) -> AMQPDeliveryKey {
            AMQPDeliveryKey(id: MessageID(high: 1, low: number), attempt: 1, content: content, isUnique: isUnique)
        }

        /// So many messages come on the first channel.
        private func arrive(_ numbers: ClosedRange<UInt64>) -> [Position] {
            numbers.map { number in
                let position = Position(high: 1, low: number)
                #expect(ledger.arrive(number, key(number), isRedelivered: false) == .new(position))
                return position
            }
        }

        @Test("acknowledges all at once what was settled in order") func inOrder() {
            let positions = arrive(1...10)
            _ = ledger.finish(Array(positions.prefix(7)))
            let first = ledger.takeAcknowledgements(all: false)
            #expect(first.upTo == 7 && first.single.isEmpty)
            #expect(ledger.takeAcknowledgements(all: true).upTo == nil)
            _ = ledger.finish(Array(positions.suffix(3).reversed()))
            let second = ledger.takeAcknowledgements(all: false)
            #expect(second.upTo == 10 && second.single.isEmpty)
        }

        @Test("acknowledges one by one what is behind one that takes long, when it has waited") func outOfOrder() {
            let positions = arrive(1...5)
            _ = ledger.finish([positions[0], positions[2], positions[4]])
            let first = ledger.takeAcknowledgements(all: false, isTimer: true)
            #expect(first.upTo == 1 && first.single.isEmpty)
            let second = ledger.takeAcknowledgements(all: false, isTimer: true)
            #expect(second.upTo == nil && second.single == [3, 5])
            _ = ledger.finish([positions[3], positions[1]])
            // The broker knows 5 no more: the highest that it does know goes.
            let third = ledger.takeAcknowledgements(all: false)
            #expect(third.upTo == 4 && third.single.isEmpty)
        }

        @Test("does not wait when all the room is taken") func many() {
            let positions = arrive(1...200)
            let few = ledger.finish(Array(positions[1..<50]))
            #expect(!few.now && few.soon)
            let enough = ledger.finish(Array(positions[50..<150]))
            #expect(enough.now && !enough.soon)
            let taken = ledger.takeAcknowledgements(all: false)
            #expect(taken.upTo == nil && taken.single == Array(2...150))
        }

        @Test("takes over what is in somebody's hands when it comes again") func adoption() {
            let positions = arrive(1...3)
            ledger.lose(withdrawn: [])
            #expect(ledger.arrive(1, key(2), isRedelivered: true) == .known)
            #expect(ledger.arrive(2, key(9), isRedelivered: false) == .new(Position(high: 2, low: 2)))
            _ = ledger.finish([positions[1]])
            #expect(ledger.takeAcknowledgements(all: true).upTo == 1)
        }

        @Test("acknowledges again what was done before the channel was lost") func doneBefore() {
            let positions = arrive(1...3)
            _ = ledger.finish([positions[0]])
            ledger.lose(withdrawn: [])
            // Settled when it was nobody's: the broker has it on no channel.
            _ = ledger.finish([positions[1]])
            #expect(ledger.arrive(1, key(1), isRedelivered: true) == .done)
            #expect(ledger.arrive(2, key(2), isRedelivered: true) == .done)
            #expect(ledger.arrive(3, key(3), isRedelivered: true) == .known)
            #expect(ledger.takeAcknowledgements(all: true).upTo == 2)
            // Another message of that id is not taken for it twice.
            #expect(ledger.arrive(4, key(1), isRedelivered: true) == .new(Position(high: 2, low: 4)))
        }

        @Test("takes no message for one that was done because it has its id", arguments: [false, true])
        func sharedIDs(isUnique: Bool) {
            // Three messages with one id: one is done, one is in somebody's hands, one was not handed out.
            let messages = (0..<3).map { Message(id: MessageID(high: 1, low: 7), text: "\($0)") }
            let positions = (1...3).map { Position(high: 1, low: $0) }
            let keys = (0..<3).map { key(7, content: isUnique ? 0 : $0, isUnique: isUnique) }
            for (index, key) in keys.enumerated() { _ = ledger.arrive(UInt64(index + 1), key, isRedelivered: false) }
            _ = ledger.finish([positions[0]])
            #expect(ledger.takeAcknowledgements(all: true).upTo == 1)
            ledger.lose(withdrawn: [.init(message: messages[2], attempt: 1, position: positions[2])])
            // The broker has heard of the first.
            #expect(ledger.arrive(1, keys[1], isRedelivered: true) == .known)
            #expect(ledger.arrive(2, keys[2], isRedelivered: true) == .new(Position(high: 2, low: 2)))
            _ = ledger.finish([positions[1], Position(high: 2, low: 2)])
            #expect(ledger.takeAcknowledgements(all: true).upTo == 2)
        }

        @Test("trusts no id of others to be unique, whoever else has had the other message") func foreignID() {
            let positions = arrive(1...1)
            let foreign = key(9, isUnique: false)
            _ = ledger.arrive(2, foreign, isRedelivered: false)
            _ = ledger.finish(positions + [Position(high: 1, low: 2)])
            ledger.lose(withdrawn: [])
            #expect(ledger.arrive(1, key(1), isRedelivered: true) == .done)
            #expect(ledger.arrive(2, foreign, isRedelivered: true) == .new(Position(high: 2, low: 2)))
        }

        @Test("hands out again what was withdrawn, with the attempt that was counted here") func withdrawn() {
            let positions = arrive(1...2)
            let message = Message(id: MessageID(high: 1, low: 1), text: "x")
            ledger.lose(withdrawn: [.init(message: message, attempt: 4, position: positions[0])])
            #expect(ledger.arrive(1, key(1), isRedelivered: true) == .new(Position(high: 2, low: 1)))
            #expect(ledger.attempt(of: key(1)) == 4)
            #expect(ledger.attempt(of: key(1)) == nil)
        }

        @Test("forgets what was done long ago") func memory() {
            for number in UInt64(1)...100_000 {
                _ = ledger.arrive(number, key(number), isRedelivered: false)
                _ = ledger.finish([Position(high: 1, low: number)])
                _ = ledger.takeAcknowledgements(all: true)
            }
            ledger.lose(withdrawn: [])
            #expect(ledger.arrive(1, key(100_000), isRedelivered: true) == .done)
            #expect(ledger.arrive(2, key(1), isRedelivered: true) == .new(Position(high: 2, low: 2)))
        }
    }

    @Suite("Delays") struct DelayTests {
        @Test("are rounded up, by a quarter at most, to few") func rounded() {
            var delays: Set<Int64> = []
            for wanted in stride(from: 11, through: 100_000, by: 7) {
                let delay = AMQPRetryDelays.milliseconds(for: .milliseconds(wanted))
                #expect(delay >= wanted && Double(delay) <= 1.25 * Double(wanted) + 1)
                delays.insert(delay)
            }
            #expect(delays.count < 65)
            for exact in [10, 100, 250, 1_000, 5_000, 30_000, 60_000, 3_600_000] {
                #expect(AMQPRetryDelays.milliseconds(for: .milliseconds(exact)) == exact)
            }
            #expect(AMQPRetryDelays.milliseconds(for: .nanoseconds(1)) == 10)
            #expect(AMQPRetryDelays.milliseconds(for: .seconds(Int64.max)) <= 4_294_967_295)
        }

        @Test("have a queue each, of a name that tells") func queues() {
            let names = AMQPRetryDelays.queues(of: "orders_audit")
            #expect(names.count < 150 && Set(names).count == names.count)
            for wanted in [1, 10, 11, 250, 5_001, 3_600_000, 86_400_000, Int64.max / 2] {
                let milliseconds = AMQPRetryDelays.milliseconds(for: .milliseconds(wanted))
                #expect(names.contains("orders_audit.delay.\(milliseconds)"))
            }
        }

        @Test("grow when none was asked for") func growing() {
            #expect(AMQPRetryDelays.delay(.zero, attempt: 1) == .zero)
            #expect(AMQPRetryDelays.delay(.zero, attempt: 2) == .milliseconds(10))
            #expect(AMQPRetryDelays.delay(.zero, attempt: 5) == .milliseconds(80))
            #expect(AMQPRetryDelays.delay(.zero, attempt: .max) == .seconds(1))
            #expect(AMQPRetryDelays.delay(.seconds(5), attempt: 9) == .seconds(5))
        }
    }

    @Suite("Names") struct NameTests {
        @Test("of a topic and a group stand for these alone") func unique() {
            let topology = AMQPTopology.publishSubscribe
            func name(_ topic: String, _ group: String) -> String {
                topology.queue(for: topic, group: group, id: "1", letters: nil).name
            }
            #expect(name("orders", "audit") == "orders_audit")
            #expect(name("a_b", "c") != name("a", "b_c"))
            #expect(name("a%5Fb", "c") != name("a_b", "c"))
            let long = String(repeating: "ä", count: 120)
            #expect(name(long, long).utf8.count <= 255)
            #expect(name(long, long) != name(long, long + "b"))
        }

        @Test("are made from templates") func templates() {
            var topology = AMQPTopology.topic(exchange: "events")
            topology.queueName = "{group}.{topic}.{other}"
            topology.bindingKey = "eu.{topic}"
            let queue = topology.queue(for: "orders.*", group: "g", id: "1", letters: nil)
            #expect(queue.name == "g.orders.*.{other}")
            #expect(
                queue.declarations.contains(
                    .binding(queue: queue.name, exchange: "events", key: "eu.orders.*", arguments: [:])))
            #expect(topology.route(to: "orders.new").routingKey == "orders.new")
        }
    }
}
