import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// Delays on any transport: an outbox in a file, and a forwarder.
@Suite struct DelayTests {
    private func outbox(_ file: SQLiteTransport) -> Outbox { Outbox("outbox", on: file, group: "forwarder") }

    private func forwarding(
        from file: SQLiteTransport, to target: any Publisher, clock: any SchedulingClock = SystemClock.shared
    ) throws -> Router {
        var options = RouterOptions.quiet()
        options.clock = clock
        let router = Router(options)
        try router.register(Forwarder("forwarder", from: "outbox", on: file, to: target))
        return router
    }

    @Test func messagesLeaveInTheOrderInWhichTheyAreDue() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let file = try await SQLiteTransport(path: folder.file("outbox.db"), clock: clock, observers: Observers([]))
        let target = MemoryTransport(observers: Observers([]))
        let probe = try await TopicProbe(of: "orders", on: target)
        let outbox = outbox(file)
        try await withRunning(try forwarding(from: file, to: target, clock: clock)) {
            let late = Message(text: "late", key: "k", metadata: ["a": "b"])
            try await outbox.publish(late, to: "orders", after: .seconds(60))
            try await outbox.publish([Message(text: "soon"), Message(text: "after")], to: "orders", after: .seconds(30))
            try await outbox.publish(Message(text: "now"), to: "orders", after: .zero)
            #expect(try await probe.next().payload.text == "now")
            clock.advance(by: .seconds(29))
            try await outbox.publish(Message(text: "meanwhile"), to: "orders")
            #expect(try await probe.next().payload.text == "meanwhile")
            clock.advance(by: .seconds(1))
            #expect(try await probe.collect(2).map(\.payload.text) == ["soon", "after"])
            clock.advance(by: .seconds(30))
            #expect(try await probe.next() == late)
        }
        await file.close()
    }

    @Test func whatIsToLeaveLaterOutlivesTheProcess() async throws {
        let folder = try TemporaryFolder()
        let target = try await SQLiteTransport(path: folder.file("orders.db"), observers: Observers([]))
        let probe = try await TopicProbe(of: "orders", on: target)
        let before = try await SQLiteTransport(path: folder.file("outbox.db"), observers: Observers([]))
        let sent = Message(text: "later", key: "k")
        let begin = SystemClock.shared.now
        try await outbox(before).publish(sent, to: "orders", after: .milliseconds(300))
        await before.close()
        let after = try await SQLiteTransport(path: folder.file("outbox.db"), observers: Observers([]))
        try await withRunning(try forwarding(from: after, to: target)) {
            let received = try await probe.next()
            #expect(received == sent)
        }
        #expect(begin.duration(to: SystemClock.shared.now) > .milliseconds(290))
        await after.close()
        await target.close()
    }

    @Test func commandsAndTimeoutsOfSagasLeaveByIt() async throws {
        let folder = try TemporaryFolder()
        let file = try await SQLiteTransport(path: folder.file("outbox.db"), observers: Observers([]))
        // The transport of the bus publishes nothing later by itself.
        let broker = MemoryTransport(observers: Observers([]))
        let publisher = PickyPublisher(broker) { _, _ in nil }
        var options = CQRSOptions.quiet
        options.delays = outbox(file)
        let cqrs = CQRS(publishingOn: publisher, subscribingOn: broker, topics: .perType(prefix: "bank."), options)
        let router = Router(.quiet([cqrs]))
        let audits = Log<Audit>()
        try router.register(cqrs.handler(Audit.self) { command, _ in audits.append(command) })
        try router.register(
            cqrs.saga("accounts", of: Int.self, in: InMemoryStateStore()) {
                StartOn(Opened.self, by: { $0.account }) { event, saga in
                    try await saga.send(Audit(text: "overdue \(event.account)"), after: .milliseconds(50))
                    return 1
                }
            })
        try router.register(Forwarder("forwarder", from: "outbox", on: file, to: broker))
        try await withRunning(router) {
            try await cqrs.send(Audit(text: "later"), after: .milliseconds(10))
            try await cqrs.publish(Opened(account: "7"))
            let received = try await audits.reach(2)
            #expect(Set(received) == [Audit(text: "later"), Audit(text: "overdue 7")])
        }
        await file.close()
    }

    @Test func aBrokerThatPublishesNothingLaterIsNamed() async throws {
        let faulty = FaultyTransport(MemoryTransport(observers: Observers([])), plan: [:], seed: 1)
        let error = await #expect(throws: MillraceError.self) {
            try await Outbox("outbox", on: faulty).publish(Message(text: "x"), to: "orders", after: .seconds(1))
        }
        #expect(error?.code == .unsupported)
        #expect(
            error?.message
                == "outbox 'outbox': on is a transport of memory, it must be a DelayedPublisher to publish something later: "
                + "an outbox in a file of SQLite is one, from where a Forwarder brings messages to their transport")
    }

    @Test func anEnvelopeIsRefusedAtOnce() async throws {
        let outbox = Outbox("outbox", on: MemoryTransport(observers: Observers([])))
        let envelope = try outbox.envelope(Message(text: "x"), to: "orders")
        let error = await #expect(throws: MillraceError.self) {
            try await outbox.publish(envelope, to: "orders", after: .seconds(1))
        }
        #expect(error?.code == .invalidMessage)
    }
}
