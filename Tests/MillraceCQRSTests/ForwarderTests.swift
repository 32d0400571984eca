import Foundation
import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

@Suite struct ForwarderTests {
    private let target = MemoryTransport(observers: Observers([]))

    @Test func messagesStayAsTheyAre() async throws {
        let folder = try TemporaryFolder()
        let file = try await SQLiteTransport(path: folder.file("outbox.db"), observers: Observers([]))
        let outbox = Outbox("outbox", on: file)
        let router = Router(.quiet())
        try router.register(Forwarder("forwarder", from: "outbox", on: file, to: target))
        let (orders, bills) = (
            try await TopicProbe(of: "orders", on: target), try await TopicProbe(of: "bills", on: target)
        )
        let sent = [
            Message(text: "keyed", key: "k", metadata: ["a": "b"]), Message(text: "alone"),
            Message(id: "foreign id", payload: [0, 255], key: ""),
        ]
        try await withRunning(router) {
            try await outbox.publish(sent, to: "orders")
            try await outbox.publish(Message(id: "bill", text: "x"), to: "bills")
            let received = try await orders.collect(3)
            #expect(Set(received) == Set(sent))
            #expect(try await bills.next() == Message(id: "bill", text: "x"))
        }
        await file.close()
    }

    @Test(arguments: 0..<6) func nothingIsLostByFaults(_ seed: UInt64) async throws {
        let folder = try TemporaryFolder()
        let base: any Transport =
            seed % 2 == 0
            ? MemoryTransport(observers: Observers([]))
            : try await SQLiteTransport(path: folder.file("outbox.db"), observers: Observers([]))
        let source = FaultyTransport(
            base,
            plan: [
                .cutSubscription: .probability(0.01), .dropAcknowledgement: .probability(0.05),
                .duplicateDelivery: .probability(0.05),
            ], seed: seed)
        let faulty = FaultyTransport(
            target, plan: [.failPublish: .probability(0.3), .losePublishReply: .probability(0.2)], seed: seed)
        let outbox = Outbox("outbox", on: source, group: "forwarder")
        var options = RouterOptions.quiet()
        options.restart = .constant(.milliseconds(1))
        let router = Router(options)
        try router.register(
            Forwarder(
                "forwarder", from: "outbox", on: source, to: faulty, upTo: 50,
                options: .init(ordered: .byKey, redelivery: .constant(.milliseconds(1)), lease: .milliseconds(200))))
        let probe = try await TopicProbe(of: "orders", on: target)
        try await withRunning(router) {
            var (count, arrivals) = (0, Arrivals())
            // On until each fault has happened: how often something is pulled depends on how busy the machine is.
            while count < 700 || source.count(of: .cutSubscription) == 0 || faulty.count(of: .failPublish) == 0
                || faulty.count(of: .losePublishReply) == 0
            {
                try await outbox.publish(Arrivals.messages(count..<count + 70), to: "orders")
                count += 70
                if count >= 700 { arrivals = try await probe.arrivals(of: count, after: arrivals) }
            }
            #expect(arrivals.disordered.isEmpty, "\(arrivals.disordered) came out of order")
            #expect(arrivals.copies > count)
        }
        await base.close()
    }

    @Test func aCleanShutdownUnderLoadLosesAndRepeatsNothing() async throws {
        let folder = try TemporaryFolder()
        let file = try await SQLiteTransport(path: folder.file("outbox.db"), observers: Observers([]))
        let outbox = Outbox("outbox", on: file)
        let probe = try await TopicProbe(of: "orders", on: target)
        let count = 2_000
        try await outbox.publish(Arrivals.messages(0..<count), to: "orders")
        var arrivals = Arrivals()
        for round in 0..<4 {
            let router = Router(.quiet())
            try router.register(Forwarder("forwarder", from: "outbox", on: file, to: target, upTo: 20))
            let expected = round == 3 ? count : (round + 1) * 100
            try await withRunning(router) {
                arrivals = try await probe.arrivals(of: expected, after: arrivals)
            }
        }
        #expect(arrivals.copies == count)
        #expect(arrivals.disordered.isEmpty)
        let observer = RecordingObserver()
        let router = Router(.quiet(observers: [observer]))
        try router.register(Forwarder("forwarder", from: "outbox", on: file, to: target))
        let end = Message(text: "end")
        try await withRunning(router) {
            try await outbox.publish(end, to: "orders")
            #expect(try await probe.next() == end)
        }
        await file.close()
    }

    @Test func oneTopicThatFailsHoldsUpNoOther() async throws {
        let source = MemoryTransport(observers: Observers([]))
        let broken = Lock(true)
        let publisher = PickyPublisher(target) { topic, _ in
            topic == "bad" && broken.withLock { $0 } ? MillraceError(.connectionFailed, "away", isRetriable: true) : nil
        }
        let outbox = Outbox("outbox", on: source, group: "forwarder")
        let router = Router(.quiet())
        try router.register(
            Forwarder(
                "forwarder", from: "outbox", on: source, to: publisher,
                options: .init(ordered: .byKey, redelivery: .constant(.milliseconds(1)))))
        let (good, bad) = (try await TopicProbe(of: "good", on: target), try await TopicProbe(of: "bad", on: target))
        try await withRunning(router) {
            for number in 0..<10 {
                try await outbox.publish(Message(text: "\(number)", key: "bad"), to: "bad")
                try await outbox.publish(Message(text: "\(number)", key: "good"), to: "good")
            }
            #expect(try await good.collect(10).map(\.payload.text) == (0..<10).map { "\($0)" })
            #expect(bad.messages.isEmpty)
            broken.withLock { $0 = false }
            #expect(try await bad.collect(10).map(\.payload.text) == (0..<10).map { "\($0)" })
        }
    }

    @Test func whatCannotBeForwardedIsGivenUp() async throws {
        let source = MemoryTransport(observers: Observers([]))
        let publisher = PickyPublisher(target) { _, messages in
            messages.contains { $0.payload.text == "too large" }
                ? MillraceError(.invalidMessage, "too large", isRetriable: false) : nil
        }
        let observer = RecordingObserver()
        let router = Router(.quiet(observers: [observer]))
        try router.register(
            Forwarder("with", from: "outbox", on: source, to: publisher, undeliverableTo: "outbox.dead", options: .init()))
        try router.register(Forwarder("without", from: "outbox", on: source, to: publisher, options: .init()))
        let dead = try await TopicProbe(of: "outbox.dead", on: source)
        let orders = try await TopicProbe(of: "orders", on: target)
        let outbox = Outbox("outbox", on: source)
        try await withRunning(router) {
            let stray = Message(text: "stray")
            let large = try outbox.envelope(Message(text: "too large"), to: "orders")
            let nowhere = Message(text: "nowhere", metadata: [MetadataKey.destination: ""])
            let messages = [try outbox.envelope(Message(text: "first"), to: "orders"), stray, large, nowhere]
            try await source.publish(messages + [try outbox.envelope(Message(text: "last"), to: "orders")], to: "outbox")
            let letters = try await dead.collect(3).compactMap { DeadLetter($0) }
            #expect(Set(letters.map(\.message)) == [stray, large, nowhere])
            #expect(letters.allSatisfy { $0.topic == "outbox" && $0.group == "with" })
            #expect(letters.contains { $0.reason.contains("does not say what topic") })
            let forwarded = try await orders.collect(4).compactMap(\.payload.text)
            #expect(forwarded.sorted() == ["first", "first", "last", "last"])
            for message in [stray, large, nowhere] {
                try await observer.event { event in
                    if case .messageRejected("without", message.id, _) = event.kind { true } else { false }
                }
            }
        }
    }

    @Test func anOutboxDoesNotForwardToItself() async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let router = Router(.quiet())
        try router.register(Forwarder("f", from: "outbox", on: broker, to: broker, undeliverableTo: "dead"))
        let dead = try await TopicProbe(of: "dead", on: broker)
        let outbox = Outbox("outbox", on: broker, group: "f")
        try await withRunning(router) {
            try await outbox.publish(Message(text: "round"), to: "outbox")
            #expect(DeadLetter(try await dead.next())?.reason.contains("which is the outbox") == true)
        }
        let envelope = try outbox.envelope(Message(text: "x"), to: "orders")
        let error = await #expect(throws: MillraceError.self) { try await outbox.publish(envelope, to: "orders") }
        #expect(error?.code == .invalidMessage)
        #expect(throws: MillraceError.self) { try outbox.envelope(Message(text: "x"), to: "") }
    }

    @Test func envelopesOfWatermillAreRead() async throws {
        let source = MemoryTransport(observers: Observers([]))
        let router = Router(.quiet())
        try router.register(Forwarder("f", from: "events", on: source, to: target, readsWatermill: true))
        let probe = try await TopicProbe(of: "orders", on: target)
        // As github.com/ThreeDotsLabs/watermill writes it, the payload in Base64.
        let text = #"{"destination_topic":"orders","uuid":"uuid-1","payload":"AP9h","metadata":{"a":"b","millrace-key":"k"}}"#
        try await withRunning(router) {
            try await source.publish(Message(text: text), to: "events")
            #expect(try await probe.next() == Message(id: "uuid-1", payload: [0, 255, 97], key: "k", metadata: ["a": "b"]))
        }
    }

    @Test func messagesOfATransactionAreForwardedIfItIsCommitted() async throws {
        let folder = try TemporaryFolder()
        let file = try await SQLiteTransport(path: folder.file("outbox.db"), observers: Observers([]))
        let outbox = Outbox("outbox", on: file)
        let router = Router(.quiet())
        try router.register(Forwarder("forwarder", from: "outbox", on: file, to: target))
        let probe = try await TopicProbe(of: "orders", on: target)
        try await withRunning(router) {
            try OutboxTransaction.run(on: folder.file("outbox.db")) { transaction in
                try file.publish(outbox.envelope(Message(text: "undone"), to: "orders"), to: outbox.topic, in: transaction)
                throw Flaky()
            }
            try OutboxTransaction.run(on: folder.file("outbox.db")) { transaction in
                try file.publish(outbox.envelope(Message(text: "done"), to: "orders"), to: outbox.topic, in: transaction)
            }
            #expect(try await probe.next().payload.text == "done")
        }
        await file.close()
    }

    @Test func whatWasForwardedGoesFromAFileThatKeepsNothing() async throws {
        let folder = try TemporaryFolder()
        var options = SQLiteOptions(path: folder.file("outbox.db"))
        options.retention.deletesAcknowledged = true
        options.careInterval = .milliseconds(20)
        let file = try await SQLiteTransport(options, observers: Observers([]))
        let outbox = Outbox("outbox", on: file)
        let router = Router(.quiet())
        try router.register(Forwarder("forwarder", from: "outbox", on: file, to: target))
        let probe = try await TopicProbe(of: "orders", on: target)
        try await withRunning(router) {
            try await outbox.publish(Arrivals.messages(0..<100), to: "orders")
            _ = try await probe.arrivals(of: 100)
        }
        try await OutboxTransaction.waitForRows(0, in: "millrace_messages", of: folder.file("outbox.db"))
        await file.close()
    }

    @Test func whatCannotWorkIsRefused() {
        let broker = target
        let error = #expect(throws: MillraceError.self) {
            try Router(.quiet()).register(Forwarder("f", from: "o", on: broker, to: broker, undeliverableTo: "o"))
        }
        #expect(error?.message == "forwarder 'f': undeliverableTo is 'o', it must be another topic than it reads")
    }
}

/// Refuses what a test says, before any of it is accepted.
struct PickyPublisher: Publisher {
    private let base: any Publisher
    private let refuse: @Sendable (String, [Message]) -> (any Error)?

    init(_ base: any Publisher, _ refuse: @escaping @Sendable (String, [Message]) -> (any Error)?) {
        self.base = base
        self.refuse = refuse
    }

    func publish(_ messages: [Message], to topic: String) async throws {
        if let error = refuse(topic, messages) { throw error }
        try await base.publish(messages, to: topic)
    }
}
