import Millrace
import MillraceTesting
import MillraceTransportKit
import TestSupport
import Testing

/// What the kit does of a subscription, on a source that keeps what it is told.
@Suite("A buffered subscription", .timeLimit(.minutes(1))) struct BufferedSubscriptionTests {
    private let clock = ManualClock()
    private let events = RecordingObserver()

    private func open(
        _ source: ScriptedSource, _ options: SubscriptionOptions = .init(group: "g"), deadLetters: String? = nil
    ) -> BufferedSubscription {
        BufferedSubscription(
            to: "orders", options, from: source, system: "scripted", deadLetterTopic: deadLetters, clock: clock,
            observers: AttachableObservers(Observers([events])))
    }

    private func take(_ count: Int, from subscription: BufferedSubscription) async throws -> [DeliveryRecord] {
        var batch = DeliveryBatch()
        while batch.count < count { _ = try await subscription.pull(into: &batch, upTo: count - batch.count) }
        return Array(batch.records)
    }

    @Test("tells the source what became of each, in order, and of none twice") func settles() async throws {
        let source = ScriptedSource(messages: 4)
        let subscription = open(source, deadLetters: "orders.dead-letter")
        let records = try await take(4, from: subscription)
        subscription.acknowledge([records[0].token])
        subscription.settle(records[1].token, .retry(after: .zero))
        subscription.settle(records[2].token, .reject(reason: "no such customer"))
        subscription.settle(records[2].token, .acknowledge)
        try await subscription.flush()
        #expect(source.told == ["1 acknowledged 0", "2 retried 1", "3 to orders.dead-letter: no such customer"])
        let again = try await take(1, from: subscription)
        #expect(again.map(\.attempt) == [2])
        await subscription.close()
        #expect(source.told.dropFirst(3).sorted() == ["2 returned 1", "4 returned 0", "closed"])
        subscription.acknowledge([again[0].token])
        let ignored = events.events.compactMap { event -> MillraceEvent.IgnoredSettlement? in
            if case .settlementIgnored(_, _, _, let reason) = event.kind { reason } else { nil }
        }
        #expect(ignored == [.settledTwice, .subscriptionClosed])
    }

    @Test("drops what is rejected where there are no dead letters, and says so") func drops() async throws {
        let source = ScriptedSource(messages: 1)
        let subscription = open(source)
        subscription.settle(try await take(1, from: subscription)[0].token, .reject(reason: "no"))
        try await subscription.flush()
        #expect(source.told == ["1 acknowledged 1"])
        #expect(events.count { if case .messagesDropped = $0.kind { true } else { false } } == 1)
        await subscription.close()
    }

    @Test("gives a retry that waits back at the close, with its count and what is left of its delay")
    func delayed() async throws {
        let source = ScriptedSource(messages: 1)
        let subscription = open(source)
        subscription.settle(try await take(1, from: subscription)[0].token, .retry(after: .seconds(60)))
        clock.advance(by: .seconds(20))
        await subscription.close()
        #expect(source.told == ["1 returned 1 after 40.0 seconds", "closed"])
    }

    @Test("renews what it holds, handed out or not, three times in a lease") func renews() async throws {
        let source = ScriptedSource(messages: 2)
        let subscription = open(source, .init(group: "g", lease: .seconds(30)))
        _ = try await take(1, from: subscription)
        clock.advance(by: .seconds(10))
        #expect(try await source.renewal(1) == [1, 2])
        clock.advance(by: .seconds(10))
        #expect(try await source.renewal(2) == [1, 2])
        await subscription.close()
    }

    /// The lease of a delivery begins when it is handed out, whenever it was fetched.
    @Test("ends a delivery when its lease has run out since it was handed out") func expires() async throws {
        let source = ScriptedSource(messages: 3)
        let subscription = open(source, .init(group: "g", ordered: .byKey, lease: .seconds(40)))
        let first = try await take(1, from: subscription)
        clock.advance(by: .seconds(30))
        subscription.renew(first.map(\.token))
        clock.advance(by: .seconds(30))
        try await subscription.flush()
        #expect(source.told.isEmpty)
        clock.advance(by: .seconds(10))
        try await subscription.flush()
        // Its key goes with it, and what was only held has no attempt more.
        #expect(source.told == ["1 returned 1", "2 returned 0", "3 returned 0"])
        #expect(events.count { if case .leaseExpired = $0.kind { true } else { false } } == 1)
        await subscription.close()
    }

    /// A fetch that is under way when a message goes back may bring what comes after it in its key.
    @Test("hands out nothing of a key that has a message on its way back") func keepsOrder() async throws {
        let source = ScriptedSource(messages: 2, inFetchesOf: 1, holdsSecond: true)
        let subscription = open(source, .init(group: "g", ordered: .byKey, lease: .seconds(40)))
        _ = try await take(1, from: subscription)
        try await source.secondFetch.wait()
        clock.advance(by: .seconds(40))
        try await subscription.flush()
        #expect(source.told == ["1 returned 1"])
        let pull = Task { try await take(1, from: subscription) }
        source.gate.fire()
        try await source.thirdFetch.wait()
        try await subscription.flush()
        #expect(source.told == ["1 returned 1", "2 returned 0"])
        pull.cancel()
        await #expect(throws: CancellationError.self) { try await pull.value }
        await subscription.close()
    }

    @Test("gives everything back when nobody holds it any more") func dropped() async throws {
        let source = ScriptedSource(messages: 2)
        func leave() async throws { _ = try await take(1, from: open(source)) }
        try await leave()
        try await source.isClosed.wait()
        #expect(source.told.sorted() == ["1 returned 0", "2 returned 0", "closed"])
    }

    @Test("tries a source again that is away for a while, and tells observers once") func recovers() async throws {
        let source = ScriptedSource(messages: 1)
        source.fail(fetches: 2, settlements: 2)
        let subscription = open(source)
        let record = try await clock.advancing(upTo: .seconds(60)) { try await take(1, from: subscription)[0] }
        subscription.acknowledge([record.token])
        try await clock.advancing(upTo: .seconds(60)) { try await subscription.flush() }
        #expect(source.told == ["1 acknowledged 0"])
        #expect(events.count { if case .disconnected = $0.kind { true } else { false } } == 2)
        #expect(events.count { if case .connected = $0.kind { true } else { false } } == 2)
        await subscription.close()
    }

    @Test("is lost with a source that fails for good") func fails() async throws {
        let source = ScriptedSource(messages: 1)
        source.fail(fetches: 1, settlements: 0, isRetriable: false)
        let subscription = open(source)
        await #expect(throws: MillraceError.self) { try await take(1, from: subscription) }
        await subscription.close()
    }
}

/// Hands its messages out once, and writes down what it is told.
private final class ScriptedSource: DeliverySource {
    private struct State {
        var waiting: [DeliveryBuffer.Entry] = []
        var told: [String] = []
        var renewals: [[UInt64]] = []
        var fetches = 0
        var failingFetches = 0
        var failingSettlements = 0
        var isRetriable = true
    }

    private let state: Lock<State>
    private let renewed = [Signal(), Signal()]
    private let size: Int
    private let holdsSecond: Bool
    /// The second fetch is under way, and waits for the gate if it is to be held; the third one is.
    let secondFetch = Signal()
    let gate = Signal()
    let thirdFetch = Signal()
    let isClosed = Signal()

    init(messages count: Int, inFetchesOf size: Int = .max, holdsSecond: Bool = false) {
        self.size = size
        self.holdsSecond = holdsSecond
        let entries = (1...count).map { number in
            DeliveryBuffer.Entry(message: Message(text: "\(number)"), attempt: 1, position: Position(low: UInt64(number)))
        }
        state = Lock(State(waiting: entries))
    }

    var told: [String] { state.withLock { $0.told } }

    func fail(fetches: Int, settlements: Int, isRetriable: Bool = true) {
        state.withLock { state in
            (state.failingFetches, state.failingSettlements, state.isRetriable) = (fetches, settlements, isRetriable)
        }
    }

    /// What was renewed by the first, or the second, renewal.
    func renewal(_ number: Int) async throws -> [UInt64] {
        try await renewed[number - 1].wait()
        return state.withLock { $0.renewals[number - 1].sorted() }
    }

    func fetch(upTo room: Int) async throws -> [DeliveryBuffer.Entry] {
        let number = state.withLock { state in
            state.fetches += 1
            return state.fetches
        }
        if number == 2 { secondFetch.fire() }
        if number == 3 { thirdFetch.fire() }
        if number == 2, holdsSecond { try await gate.wait() }
        return try state.withLock { state in
            guard state.failingFetches == 0 else {
                state.failingFetches -= 1
                throw MillraceError(.connectionFailed, "away", isRetriable: state.isRetriable)
            }
            let entries = Array(state.waiting.prefix(min(room, size)))
            state.waiting.removeFirst(entries.count)
            return entries
        }
    }

    func settle(_ deliveries: [SettledDelivery]) async throws {
        try state.withLock { state in
            guard state.failingSettlements == 0 else {
                state.failingSettlements -= 1
                throw MillraceError(.connectionFailed, "away", isRetriable: true)
            }
            state.told += deliveries.map(Self.text)
        }
    }

    func renew(_ positions: [Position]) async throws {
        let number = state.withLock { state in
            state.renewals.append(positions.map(\.low))
            return state.renewals.count
        }
        if number <= renewed.count { renewed[number - 1].fire() }
    }

    func close() async {
        state.withLock { $0.told.append("closed") }
        isClosed.fire()
    }

    private static func text(_ delivery: SettledDelivery) -> String {
        switch delivery.outcome {
        case .acknowledged: "\(delivery.position) acknowledged \(delivery.attempts)"
        case .deadLettered(let letter, let topic):
            "\(delivery.position) to \(topic): \(letter.metadata[MetadataKey.poisonReason] ?? "")"
        case .retried: "\(delivery.position) retried \(delivery.attempts)"
        case .returned(let delay):
            "\(delivery.position) returned \(delivery.attempts)" + (delay > .zero ? " after \(delay)" : "")
        }
    }
}
