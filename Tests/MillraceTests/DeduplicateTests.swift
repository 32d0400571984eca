@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct DeduplicateTests {
    /// Handles messages and says which ones the handler saw, and how many were skipped.
    private func handled(
        _ messages: [Message], _ options: HandlerOptions = .init(), ends: Int,
        @MiddlewareBuilder middleware: () -> [any Middleware],
        handler: @escaping @Sendable (Message, HandlerContext) throws -> Void = { _, _ in }
    ) async throws -> (calls: [String], skipped: Int) {
        let events = RecordingObserver()
        let bench = try Bench(observers: [events])
        let calls = Box<[String]>([])
        try await bench.run(messages, options, middleware: middleware) { message, context in
            calls.update { $0.append(message.payload.text ?? "") }
            try handler(message, context)
            return []
        } _: { _ in
            func isEnd(_ event: MillraceEvent) -> Bool {
                switch event.kind {
                case .messageHandled, .messagePoisoned: true
                default: false
                }
            }
            while events.count(where: isEnd) < ends, !Task.isCancelled { await Task.yield() }
        }
        return (calls.value, events.count { if case .duplicateSkipped = $0.kind { true } else { false } })
    }

    private func copies(_ count: Int) -> [Message] { (0..<count).map { _ in Message(id: "m", text: "m") } }

    @Test("A copy is acknowledged without outputs, and reported")
    func duplicates() async throws {
        let store = InMemoryDeduplicationStore()
        let (calls, skipped) = try await handled(copies(1) + [Message(text: "other")] + copies(3), ends: 5) {
            Deduplicate(retryAfter: .milliseconds(1), in: store)
        }
        #expect(calls.sorted() == ["m", "other"])
        #expect(skipped == 3)
        #expect(store.count == 2)
    }

    @Test("Copies in one batch of one worker do not both run, though the outcome of the first is still open")
    func copiesInOneBatch() async throws {
        let (calls, skipped) = try await handled(copies(100), ends: 100) {
            Deduplicate(retryAfter: .milliseconds(1))
        }
        #expect(calls == ["m"])
        #expect(skipped == 99)
    }

    @Test("A message that failed is handled when it comes back, with Retry on either side", arguments: [0, 1, 2])
    func failedIsNotLost(place: Int) async throws {
        let calls = Box(0)
        let (seen, skipped) = try await handled(copies(1), .init(redelivery: .constant()), ends: 1) {
            if place == 1 { Retry(attempts: 2, backoff: .constant()) }
            Deduplicate(retryAfter: .milliseconds(1))
            if place == 2 { Retry(attempts: 2, backoff: .constant()) }
        } handler: { _, _ in
            if calls.increment() < 4 {
                throw Flaky()
            }
        }
        #expect(seen.count == 4)
        #expect(skipped == 0)
    }

    @Test("A failure further outside, after the handler has succeeded, ends the reservation as well")
    func failureOutside() async throws {
        struct FailsOnce: Middleware {
            let failed = Box(false)
            func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
                let outputs = try await next(message, context)
                guard
                    failed.set()
                else { throw Flaky() }
                return outputs
            }
        }
        for retries in [true, false] {
            let store = InMemoryDeduplicationStore()
            let (calls, skipped) = try await handled(copies(1), .init(redelivery: .constant()), ends: 1) {
                if retries { Retry(attempts: 2, backoff: .constant()) }
                FailsOnce()
                Deduplicate(retryAfter: .milliseconds(1), in: store)
            }
            #expect(calls.count == 2)
            #expect(skipped == 0)
            #expect(store.count == 1)
        }
    }

    @Test("A key is not committed when the outputs are not accepted")
    func outputsNotAccepted() async throws {
        let broker = try quietBroker()
        let out = FailingPublisher(failures: 2)
        let router = Router(.quiet) { Deduplicate(retryAfter: .milliseconds(1)) }
        let calls = Box(0)
        try router.handle(
            "h", from: "in", on: broker, to: "out", publishingOn: out, options: .init(redelivery: .constant())
        ) { message, _ in
            calls.update { $0 += 1 }
            return [message]
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await out.accepted.wait()
        }
        #expect(calls.value == 3)
        #expect(out.published.value.count == 1)
    }

    @Test("A message that was poisoned is not taken for handled: its replay is no duplicate")
    func poisonedIsNotHandled() async throws {
        let broker = try quietBroker()
        let (calls, skipped) = try await handled(copies(2), ends: 4) {
            PoisonQueue("poison", on: broker)
            Deduplicate(retryAfter: .milliseconds(1))
        } handler: { _, _ in
            throw Reject("no")
        }
        #expect(calls.count == 2)
        #expect(skipped == 0)
    }

    @Test("A copy in flight elsewhere waits in the transport, without a counted attempt")
    func copyInFlight() async throws {
        let clock = ManualClock()
        let events = RecordingObserver()
        let broker = try quietBroker(clock: clock)
        var options = RouterOptions.quiet
        options.clock = clock
        options.observers = [events]
        let router = Router(options) { Deduplicate(retryAfter: .seconds(1)) }
        let gate = Signal()
        let calls = Box(0)
        try router.consume("h", from: "in", on: broker, options: .init(concurrency: 2, maximumAttempts: 1)) { _, _ in
            calls.update { $0 += 1 }
            try await gate.wait()
        }
        try await withRunning(router) {
            try await broker.publish(copies(2), to: "in")
            func waits() -> Int { events.count { if case .messageFailed = $0.kind { true } else { false } } }
            while waits() < 3, !Task.isCancelled {
                clock.advance(by: .milliseconds(500))
                for _ in 0..<50 { await Task.yield() }
            }
            gate.fire()
            while events.count(where: { if case .duplicateSkipped = $0.kind { true } else { false } }) == 0,
                !Task.isCancelled
            {
                clock.advance(by: .milliseconds(500))
                for _ in 0..<50 { await Task.yield() }
            }
        }
        #expect(calls.value == 1)
        #expect(events.count { if case .messageRejected = $0.kind { true } else { false } } == 0)
    }

    @Test("Keys: id, key, metadata, payload, a function")
    func keys() async throws {
        func messages() -> [Message] {
            [
                Message(id: "1", text: "a", key: "k", metadata: ["m": "x"]),
                Message(id: "1", text: "b", key: "l", metadata: ["m": "y"]),
                Message(id: "2", text: "a", key: "l", metadata: ["m": "x"]),
                Message(id: "3", text: "c", key: "k", metadata: ["m": "z"]),
            ]
        }
        let expected: [(Deduplicate.Key, [String])] = [
            (.id, ["a", "a", "c"]), (.key, ["a", "b"]), (.metadata("m"), ["a", "b", "c"]), (.payloadHash, ["a", "b", "c"]),
            (.custom { $0.payload.text == "c" ? nil : "same" }, ["a", "c"]),
        ]
        for (key, texts) in expected {
            let calls = try await handled(messages(), ends: 4) { Deduplicate(by: key, retryAfter: .milliseconds(1)) }.calls
            #expect(calls == texts)
        }
    }

    @Test("A message without the key that was asked for is refused with a reason", arguments: [true, false])
    func missingKey(metadata: Bool) async throws {
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            Retry(attempts: 5)
            Deduplicate(by: metadata ? .metadata("order-id") : .key)
        } handler: { message, _ in
            [message]
        } _: { out in
            let reason = try await poisoned.next().metadata[MetadataKey.poisonReason]
            #expect(reason?.hasSuffix(metadata ? "has no metadata key 'order-id'" : "has no key") == true)
        }
    }

    @Test("Handlers look for copies among their own messages, unless they share a scope", arguments: [true, false])
    func scope(isShared: Bool) async throws {
        let broker = try quietBroker()
        let router = Router(.quiet) {
            Deduplicate(retryAfter: .milliseconds(1), scope: isShared ? .named("both") : .handler)
        }
        let calls = Box(0)
        for name in ["a", "b"] {
            try router.consume(name, from: "in", on: broker) { _, _ in calls.update { $0 += 1 } }
        }
        try await withRunning(router) {
            try await broker.publish(copies(1), to: "in")
            while router.health.handlers.map(\.handled) != [1, 1], !Task.isCancelled { await Task.yield() }
        }
        #expect(calls.value == (isShared ? 1 : 2))
    }

    @Test("A store that fails loses nothing, whichever call it is", arguments: [0, 1, 2])
    func failingStore(call: Int) async throws {
        let store = Unreliable(failing: call)
        let failures = Box(0)
        let (calls, _) = try await handled(copies(2), .init(redelivery: .constant()), ends: 2) {
            Deduplicate(lease: .milliseconds(20), retryAfter: .milliseconds(1), in: store)
        } handler: { _, _ in
            if call == 2,
                failures.increment() == 1
            {
                throw Flaky()
            }
        }
        // Not committed: handled again. Not released: handled after the lease.
        #expect(calls.count == [1, 2, 2][call])
    }

    @Test("What a shutdown cuts off is released, so that it is handled next time")
    func cutOff() async throws {
        let broker = try quietBroker()
        let store = InMemoryDeduplicationStore()
        let started = Signal()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(1), observers: [])) { Deduplicate(in: store) }
        try router.consume("h", from: "in", on: broker) { _, _ in
            started.fire()
            try await Signal().wait()
        }
        try await withRunning(router) {
            try await broker.publish(copies(1), to: "in")
            try await started.wait()
        }
        #expect(store.count == 0)
        #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
    }

    @Test("Parameters out of bounds are refused at registration")
    func parameters() throws {
        let broker = try quietBroker()
        func refusal(_ middleware: Deduplicate) -> String? {
            let router = Router(.quiet) { middleware }
            return #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: broker) { _, _ in } }?.message
        }
        #expect(refusal(Deduplicate(window: .zero))?.hasPrefix("handler 'h': Deduplicate: window is 0.0 seconds") == true)
        #expect(refusal(Deduplicate(lease: .zero))?.contains("lease is 0.0") == true)
        #expect(refusal(Deduplicate(retryAfter: .zero))?.contains("retryAfter is 0.0") == true)
        #expect(refusal(Deduplicate(by: .metadata("")))?.contains("metadata key is ''") == true)
    }

    /// Fails one kind of call the first time.
    private final class Unreliable: DeduplicationStore {
        let base = InMemoryDeduplicationStore()
        let failing: Int
        let failed = Box(false)
        init(failing: Int) { self.failing = failing }

        private func check(_ call: Int) throws {
            guard call == failing,
                !failed.set()
            else { return }
            throw MillraceError(.connectionFailed, "the store is away", isRetriable: true)
        }

        func reserve(_ key: String, for owner: MessageID, lease: Duration) async throws -> DeduplicationAnswer {
            try check(0)
            return try await base.reserve(key, for: owner, lease: lease)
        }
        func commit(_ key: String, by owner: MessageID, keepFor window: Duration) async throws {
            try check(1)
            try await base.commit(key, by: owner, keepFor: window)
        }
        func release(_ key: String, by owner: MessageID) async throws {
            try check(2)
            try await base.release(key, by: owner)
        }
    }
}

@Suite struct InMemoryDeduplicationStoreTests {
    private let clock = ManualClock()

    @Test("A reservation is one owner's until it is released, committed, or its lease has passed")
    func reservations() async throws {
        let store = InMemoryDeduplicationStore(clock: clock)
        func reserve(_ owner: MessageID) async throws -> DeduplicationAnswer {
            try await store.reserve("k", for: owner, lease: .seconds(10))
        }
        #expect(try await reserve("a") == .reserved)
        #expect(try await reserve("a") == .reserved)
        #expect(try await reserve("b") == .inProgress)
        try await store.release("k", by: "b")
        #expect(try await reserve("b") == .inProgress)
        clock.advance(by: .seconds(10))
        #expect(try await reserve("b") == .reserved)
        try await store.release("k", by: "a")
        #expect(try await reserve("a") == .inProgress)
        try await store.commit("k", by: "b", keepFor: .seconds(5))
        #expect(try await reserve("a") == .duplicate)
        try await store.release("k", by: "b")
        #expect(try await reserve("b") == .duplicate)
        clock.advance(by: .seconds(5))
        #expect(try await reserve("a") == .reserved)
    }

    @Test("What has expired is dropped when others come; what is full forgets the oldest")
    func bounded() async throws {
        let store = InMemoryDeduplicationStore(maximumEntries: 100, clock: clock)
        func handle(_ key: Int) async throws {
            #expect(try await store.reserve("\(key)", for: "o", lease: .seconds(1)) == .reserved)
            try await store.commit("\(key)", by: "o", keepFor: .seconds(60))
        }
        for key in 0..<150 { try await handle(key) }
        #expect(store.count == 100)
        #expect(store.forgottenCount == 50)
        #expect(try await store.reserve("149", for: "o", lease: .seconds(1)) == .duplicate)
        clock.advance(by: .seconds(60))
        for key in 200..<240 { try await handle(key) }
        #expect(store.count == 40)
        #expect(store.forgottenCount == 50)
    }

    @Test("Reservations are not forgotten: a store that is full of them refuses, until their leases have passed")
    func fullOfReservations() async throws {
        let store = InMemoryDeduplicationStore(maximumEntries: 2, clock: clock)
        _ = try await store.reserve("1", for: "a", lease: .seconds(1))
        _ = try await store.reserve("2", for: "a", lease: .seconds(1))
        await #expect(throws: MillraceError.self) { _ = try await store.reserve("3", for: "a", lease: .seconds(1)) }
        clock.advance(by: .seconds(1))
        #expect(try await store.reserve("3", for: "a", lease: .seconds(1)) == .reserved)
    }
}
