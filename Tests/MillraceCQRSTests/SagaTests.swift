import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// A trip to be booked, paid and confirmed.
private struct Booked: DomainEvent, Hashable {
    var trip: String
}

private struct Pay: DomainCommand, Hashable {
    var trip: String
}

private struct Paid: DomainEvent, Hashable {
    var trip: String
    var cents = 1
}

private struct PaymentOverdue: DomainCommand, Hashable {
    var trip: String
}

private struct Confirmed: DomainEvent, Hashable {
    var trip: String
    var cents: Int
}

private struct Trip: Codable, Hashable, Sendable {
    var cents = 0
}

@Suite struct SagaTests {
    /// The saga of all tests: two payments, and it is confirmed.
    private func trips(
        _ cqrs: CQRS, in store: any StateStore, _ options: SagaOptions = .init(), overdue: Duration? = nil,
        onPaid: @escaping @Sendable (Paid, Trip) async throws -> Void = { _, _ in }
    ) -> SagaHandler<Trip> {
        cqrs.saga("trips", of: Trip.self, in: store, options: options) {
            StartOn(Booked.self, by: { $0.trip }) { event, saga in
                try await saga.send(Pay(trip: event.trip))
                if let overdue { try await saga.send(PaymentOverdue(trip: event.trip), after: overdue) }
                return Trip()
            }
            ContinueOn(Paid.self, by: { $0.trip }) { event, trip, saga in
                try await onPaid(event, trip)
                trip.cents += event.cents
                guard trip.cents >= 2 else { return }
                try await saga.publish(Confirmed(trip: saga.key, cents: trip.cents))
                saga.finish()
            }
            ContinueOn(PaymentOverdue.self, by: { $0.trip }) { _, _, saga in
                try await saga.publish(Confirmed(trip: saga.key, cents: 0))
                saga.finish()
            }
        }
    }

    @Test func goesFromMessageToMessage() async throws {
        let store = InMemoryStateStore()
        let shop = try Shop()
        let saga = trips(shop.cqrs, in: store)
        try shop.router.register(saga)
        let (pay, confirmed) = (try await shop.probe(Pay.self), try await shop.probe(Confirmed.self))
        try await withRunning(shop.router) {
            try await shop.cqrs.publish(Booked(trip: "Oslo"))
            let command = try await pay.next()
            #expect(try command.decode(Pay.self).trip == "Oslo")
            #expect(command.metadata[MetadataKey.causationID] != nil)
            try await shop.cqrs.publish(Paid(trip: "Oslo"))
            try await shop.cqrs.publish(Paid(trip: "Oslo"))
            #expect(try await confirmed.next().decode(Confirmed.self) == Confirmed(trip: "Oslo", cents: 2))
        }
        let trip = try #require(try await saga.find("Oslo"))
        #expect(trip.isFinished)
        #expect(trip.state == Trip(cents: 2))
        #expect(trip.pendingMessages == 0)
        #expect(try await saga.unfinished() == [])
    }

    @Test func hasOneEffectForAMessageThatComesTwice() async throws {
        let store = InMemoryStateStore()
        let shop = try Shop()
        let saga = trips(shop.cqrs, in: store)
        try shop.router.register(saga)
        let (pay, confirmed) = (try await shop.probe(Pay.self), try await shop.probe(Confirmed.self))
        var paid = try Message(encoding: Paid(trip: "Oslo"))
        paid.metadata[MetadataKey.messageName] = Paid.messageName
        try await withRunning(shop.router) {
            try await shop.cqrs.publish(Booked(trip: "Oslo"))
            _ = try await pay.next()
            for _ in 0..<5 { try await shop.broker.publish(paid, to: shop.cqrs.topic(of: Paid.self)) }
            try await shop.cqrs.publish(Paid(trip: "Oslo"))
            #expect(try await confirmed.next().decode(Confirmed.self).cents == 2)
        }
        #expect(try await saga.find("Oslo")?.state.cents == 2)
        #expect(shop.cqrs.statistics.repeatedSagaMessages == 4)
    }

    /// The state is saved, and then the process ends before what the step has made is accepted.
    @Test func publishesAfterACrashWhatWasSaved() async throws {
        let store = InMemoryStateStore()
        let shop = try Shop()
        let failing = FailingPublisher(on: shop.broker)
        let cqrs = CQRS(
            publishingOn: failing, subscribingOn: shop.broker, topics: .perType(prefix: "bank."), .quiet)
        let saga = trips(cqrs, in: store)
        try shop.router.register(saga)
        let pay = try await shop.probe(Pay.self)
        try await withRunning(shop.router) {
            try await shop.cqrs.publish(Booked(trip: "Oslo"))
            try await failing.refused.reach(3)
            let before = try #require(try await saga.find("Oslo"))
            #expect(before.pendingMessages == 1)
            failing.recover()
            _ = try await pay.next()
        }
        // The same message each time, and no other.
        #expect(Set(failing.refused.elements).count == 1)
        #expect(pay.messages.map(\.id) == [failing.refused.elements[0]])
        #expect(try await saga.find("Oslo")?.pendingMessages == 0)
        #expect(cqrs.statistics.repeatedSagaMessages >= 3)
    }

    @Test func runsAStepAgainWhenSomebodyElseWasFaster() async throws {
        let store = InMemoryStateStore()
        let shop = try Shop()
        let calls = Log<Int>()
        let saga = trips(
            shop.cqrs, in: store, SagaOptions(handler: HandlerOptions(concurrency: 8)),
            onPaid: { event, trip in
                calls.append(trip.cents)
                // All have read the state before one has written it.
                if calls.elements.count <= 8 { try await calls.reach(8) }
            })
        try shop.router.register(saga)
        let (pay, confirmed) = (try await shop.probe(Pay.self), try await shop.probe(Confirmed.self))
        try await withRunning(shop.router) {
            try await shop.cqrs.publish(Booked(trip: "Oslo"))
            _ = try await pay.next()
            let payments = [Paid](repeating: Paid(trip: "Oslo", cents: 0), count: 7) + [Paid(trip: "Oslo", cents: 2)]
            try await shop.cqrs.publish(payments)
            #expect(try await confirmed.next().decode(Confirmed.self).cents == 2)
        }
        #expect(shop.cqrs.statistics.sagaConflicts >= 1)
        #expect(try await saga.find("Oslo")?.state.cents == 2)
    }

    @Test func sendsTimeoutsToItself() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let delays = try await SQLiteTransport(path: folder.file("delays.db"), clock: clock, observers: Observers([]))
        let store = SQLiteStateStore(on: delays)
        let cqrs = CQRS(on: delays, topics: .perType(), CQRSOptions(clock: clock, observers: Observers([])))
        let router = Router(RouterOptions.quiet([cqrs]))
        let saga = trips(cqrs, in: store, overdue: .seconds(3_600))
        try router.register(saga)
        let confirmed = try await TopicProbe(of: cqrs.topic(of: Confirmed.self), on: delays)
        let pay = try await TopicProbe(of: cqrs.topic(of: Pay.self), on: delays)
        try await withRunning(router) {
            try await cqrs.publish([Booked(trip: "Oslo"), Booked(trip: "Rome")])
            _ = try await pay.collect(2)
            try await cqrs.publish([Paid(trip: "Rome"), Paid(trip: "Rome")])
            #expect(try await confirmed.next().decode(Confirmed.self) == Confirmed(trip: "Rome", cents: 2))
            clock.advance(by: .seconds(3_600))
            #expect(try await confirmed.next().decode(Confirmed.self) == Confirmed(trip: "Oslo", cents: 0))
        }
        // Rome's came as well, and found that the saga had ended.
        #expect(confirmed.messages.count == 2)
        await delays.close()
    }

    @Test func listsWhatHasNotEnded() async throws {
        let clock = ManualClock()
        let store = InMemoryStateStore(clock: clock)
        let shop = try Shop(CQRSOptions(clock: clock, observers: Observers([])))
        let saga = trips(shop.cqrs, in: store)
        try shop.router.register(saga)
        let (pay, confirmed) = (try await shop.probe(Pay.self), try await shop.probe(Confirmed.self))
        try await withRunning(shop.router) {
            try await shop.cqrs.publish([Booked(trip: "Oslo"), Booked(trip: "Rome")])
            _ = try await pay.collect(2)
            clock.advance(by: .seconds(60))
            try await shop.cqrs.publish(Booked(trip: "Bern"))
            _ = try await pay.next()
            try await shop.cqrs.publish(Paid(trip: "Oslo", cents: 2))
            _ = try await confirmed.next()
        }
        #expect(try await saga.unfinished(olderThan: .seconds(60)).map(\.key) == ["Rome"])
        #expect(try await saga.unfinished().map(\.key) == ["Rome", "Bern"])
        clock.advance(by: .seconds(86_400))
        #expect(try await saga.find("Oslo") == nil)
    }

    // MARK: What can't be

    @Test(arguments: [SagaOptions.MissingSaga.reject, .retryLater(after: .zero, attempts: 3)])
    func givesUpAMessageWithoutASaga(_ missing: SagaOptions.MissingSaga) async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let cqrs = CQRS(on: broker, topics: .perType(), .quiet)
        let router = Router(.quiet([cqrs])) { PoisonQueue("poison", on: broker) }
        try router.register(trips(cqrs, in: InMemoryStateStore(), SagaOptions(missing: missing)))
        let poison = try await TopicProbe(of: "poison", on: broker)
        try await withRunning(router) {
            try await cqrs.publish(Paid(trip: "Oslo"))
            let letter = try #require(DeadLetter(try await poison.next()))
            #expect(letter.reason.contains("there is no saga 'trips' 'Oslo' for the 'Paid' of message"))
        }
    }

    @Test func skipsWhatComesTooLate() async throws {
        let store = InMemoryStateStore()
        let shop = try Shop()
        try shop.router.register(trips(shop.cqrs, in: store, SagaOptions(missing: .skip)))
        let (pay, confirmed) = (try await shop.probe(Pay.self), try await shop.probe(Confirmed.self))
        try await withRunning(shop.router) {
            try await shop.cqrs.publish(Paid(trip: "Nowhere"))
            try await shop.cqrs.publish([Booked(trip: "Oslo"), Booked(trip: "Oslo"), Booked(trip: "Last")])
            _ = try await pay.collect(2)
            try await shop.cqrs.publish([Paid(trip: "Oslo", cents: 2), Paid(trip: "Oslo"), Paid(trip: "Last", cents: 2)])
            _ = try await confirmed.collect(2)
            try await shop.cqrs.publish([Booked(trip: "Oslo"), Booked(trip: "End")])
            _ = try await pay.next()
        }
        #expect(shop.cqrs.statistics.missedSagaMessages == 1)
        #expect(shop.cqrs.statistics.lateSagaMessages == 3)
    }

    @Test(arguments: ["", String(repeating: "k", count: 1_025)])
    func rejectsAMessageThatDoesNotSayWhichSaga(_ trip: String) async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let cqrs = CQRS(on: broker, topics: .perType(), .quiet)
        let router = Router(.quiet([cqrs])) { PoisonQueue("poison", on: broker) }
        try router.register(trips(cqrs, in: InMemoryStateStore()))
        let poison = try await TopicProbe(of: "poison", on: broker)
        try await withRunning(router) {
            try await cqrs.publish(Booked(trip: trip))
            let letter = try #require(DeadLetter(try await poison.next()))
            #expect(letter.reason.contains(trip.isEmpty ? "does not say which saga" : "has 1025 bytes"))
        }
    }

    @Test func refusesWhatCanNotWork() throws {
        let shop = try Shop()
        let store = InMemoryStateStore()
        let cqrs = shop.cqrs
        let endless = cqrs.saga("endless", of: Trip.self, in: store) {
            ContinueOn(Paid.self, by: { $0.trip }) { _, _, _ in }
        }
        #expect(throws: MillraceError.self) { try shop.router.register(endless) }
        let double = cqrs.saga("double", of: Trip.self, in: store) {
            StartOn(Booked.self, by: { $0.trip }) { _, _ in Trip() }
            StartOn(Booked.self, by: { $0.trip }) { _, _ in Trip() }
        }
        #expect(throws: MillraceError.self) { try shop.router.register(double) }
        for options in [
            SagaOptions(remembering: 0), SagaOptions(retention: .zero), SagaOptions(maximumConflicts: -1),
            SagaOptions(missing: .retryLater(after: .seconds(-1), attempts: 1)),
            SagaOptions(missing: .retryLater(after: .zero, attempts: 0)),
            SagaOptions(handler: HandlerOptions(group: .none)),
        ] {
            #expect(throws: MillraceError.self) { try shop.router.register(trips(cqrs, in: store, options)) }
        }
        #expect(shop.router.describe().handlers.isEmpty)
        try shop.router.register(cqrs.handler(PaymentOverdue.self) { _, _ in })
        #expect(throws: MillraceError.self) { try shop.router.register(trips(cqrs, in: store)) }
        #expect(shop.router.describe().handlers.count == 1)
    }

    /// The process whose clock is ahead has written when the reminder is due, and has died before it could hand it over.
    @Test func waitsNoLongerThanTheDelayForWhatAnotherClockHasPutOff() async throws {
        let store = InMemoryStateStore()
        let broker = MemoryTransport(observers: Observers([]))
        func run(_ delays: Delays, _ clock: any SchedulingClock, _ body: (CQRS) async throws -> Void) async throws {
            var options = CQRSOptions.quiet
            (options.clock, options.delays) = (clock, delays)
            let cqrs = CQRS(on: broker, topics: .perType(prefix: "bank."), options)
            let router = Router(.quiet([cqrs]))
            let handler = HandlerOptions(redelivery: .constant(.milliseconds(1)))
            try router.register(trips(cqrs, in: store, SagaOptions(handler: handler), overdue: .seconds(10)))
            try await withRunning(router) { try await body(cqrs) }
        }
        let down = Delays(isDown: true)
        try await run(down, SkewedClock(by: .seconds(7_200))) { cqrs in
            try await cqrs.publish(Booked(trip: "Oslo"))
            try await down.asked.reach(1)
        }
        let up = Delays(isDown: false)
        try await run(up, SystemClock.shared) { _ in
            let delay = try #require(try await up.asked.reach(1).first)
            #expect(delay <= .seconds(10) && delay > .seconds(5))
        }
    }

    @Test func saysWhenNothingKeepsADelay() async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let cqrs = CQRS(
            publishingOn: PickyPublisher(broker) { _, _ in nil }, subscribingOn: broker, topics: .perType(prefix: "bank."), .quiet
        )
        await expectError(.invalidState) { try await cqrs.send(Pay(trip: "Oslo"), after: .seconds(1)) }
    }
}

/// Notes for how long messages are to be kept.
private final class Delays: DelayedPublisher {
    private let isDown: Bool
    let asked = Log<Duration>()

    init(isDown: Bool) { self.isDown = isDown }

    func publish(_ messages: [Message], to topic: String, after delay: Duration) async throws {
        asked.append(delay)
        if isDown { throw MillraceError(.connectionFailed, "down", isRetriable: true) }
    }
}

/// Accepts nothing until it recovers.
private final class FailingPublisher: Publisher {
    private let base: any Publisher
    private let isDown = Lock(true)
    /// The ids of what was not accepted.
    let refused = Log<MessageID>()

    init(on base: any Publisher) { self.base = base }

    func recover() { isDown.withLock { $0 = false } }

    func publish(_ messages: [Message], to topic: String) async throws {
        guard isDown.withLock({ $0 }) else { return try await base.publish(messages, to: topic) }
        for message in messages { refused.append(message.id) }
        throw MillraceError(.connectionFailed, "down", isRetriable: true)
    }
}
