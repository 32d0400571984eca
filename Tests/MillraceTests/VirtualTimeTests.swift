import Millrace
import MillraceMemory
import MillraceTesting
import Testing

@Suite("Virtual time") struct VirtualTimeTests {
    private struct Refused: Error {}

    @Test("passes in steps until a condition holds") func steps() async throws {
        let clock = ManualClock()
        let seen = Lock<[Duration]>([])
        let sleeper = Task {
            for seconds in 1...4 {
                try await clock.sleep(for: .seconds(seconds))
                seen.withLock { $0.append(clock.elapsed) }
            }
        }
        #expect(try await clock.advance(upTo: .seconds(60)) { seen.withLock { $0.count } == 3 } == .seconds(6))
        #expect(seen.withLock { $0 } == [.seconds(1), .seconds(3), .seconds(6)])
        #expect(try await clock.advance(upTo: .seconds(60)) { seen.withLock { $0.count } == 3 } == .zero)
        sleeper.cancel()
    }

    @Test("stands still while tasks are at work with the clock") func work() async throws {
        let clock = ManualClock()
        let done = Lock(false)
        let watch = Lock<Int>(0)
        clock.schedule(after: .seconds(10)) { watch.withLock { $0 += 1 } }
        let worker = Task {
            let end = SystemClock.shared.now.advanced(by: .milliseconds(80))
            while SystemClock.shared.now < end {
                _ = clock.now
                await Task.yield()
            }
            done.withLock { $0 = true }
        }
        #expect(try await clock.advance(upTo: .seconds(60)) { done.withLock { $0 } } == .zero)
        #expect(watch.withLock { $0 } == 0)
        await worker.value
    }

    @Test("says what its limits were when the clock has used its own up") func virtualLimit() async throws {
        let clock = ManualClock()
        clock.schedule(after: .seconds(30)) {}
        let error = try await #require(throws: MillraceError.self) {
            try await clock.advance(upTo: .seconds(10)) { false }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(error.message.contains("moved by 10.0 seconds of at most 10.0 seconds"))
        #expect(
            error.message.contains("of at most 60.0 seconds of real time; the next timer is due 30.0 seconds after the start"))
        #expect(clock.elapsed == .seconds(10))
    }

    @Test("says that nothing waits for the clock") func noTimer() async throws {
        let clock = ManualClock()
        let error = try await #require(throws: MillraceError.self) {
            try await clock.advance(upTo: .seconds(10), within: .seconds(2)) { false }
        }
        #expect(error.message.contains("moved by 0.0 seconds of at most 10.0 seconds"))
        #expect(error.message.hasSuffix("no timer waits"))
    }

    @Test("ends when the real time is over, though timers go on") func realLimit() async throws {
        let clock = ManualClock()
        @Sendable func again(_ seconds: Int) { clock.schedule(after: .seconds(seconds)) { again(seconds + 1) } }
        again(1)
        let error = try await #require(throws: MillraceError.self) {
            try await clock.advance(upTo: .seconds(1_000_000_000), within: .milliseconds(100)) { false }
        }
        #expect(error.code == .deadlineExceeded)
    }

    @Test("takes an hour past a watch within the default of real time") func watch() async throws {
        let clock = ManualClock()
        @Sendable func look() { clock.schedule(after: .milliseconds(100)) { look() } }
        look()
        async let nap: Void = clock.sleep(for: .seconds(3_600))
        try await clock.waitForTimers(2)
        try await clock.advance(upTo: .seconds(4_000)) { clock.elapsed >= .seconds(3_600) }
        try await nap
        #expect(clock.elapsed == .seconds(3_600))
    }

    @Test("returns what was waited for, and passes its error on") func value() async throws {
        let clock = ManualClock()
        let answer = try await clock.advancing(upTo: .seconds(5)) {
            try await clock.sleep(for: .seconds(5))
            return 7
        }
        #expect(answer == 7 && clock.elapsed == .seconds(5))
        await #expect(throws: Refused.self) {
            try await clock.advancing(upTo: .seconds(5)) {
                try await clock.sleep(for: .seconds(1))
                throw Refused()
            }
        }
        await #expect(throws: MillraceError.self) {
            try await clock.advancing(upTo: .seconds(5), within: .milliseconds(100)) { try await clock.sleep(for: .seconds(6)) }
        }
    }

    @Test("passes for an idle router, whose retry is exact to the instant", arguments: [10, 3_600]) func retry(_ seconds: Int)
        async throws
    {
        let clock = ManualClock()
        let broker = MemoryTransport(clock: clock)
        let router = Router(.init(clock: clock))
        try router.handle("charge", from: "orders", on: broker, to: "invoices") { message, context in
            guard context.attempt > 1 else { throw RetryLater(after: .seconds(seconds), because: Refused()) }
            return [message]
        }
        let invoices = try await TopicProbe(of: "invoices", on: broker)
        try await withRunning(router) {
            try await broker.publish(Message(text: "1"), to: "orders")
            _ = try await clock.advancing(upTo: .seconds(4_000)) { try await invoices.next() }
            #expect(clock.elapsed == .seconds(seconds))
        }
    }
}

@Suite("A recording observer") struct RecordingObserverTests {
    private static func name(_ event: MillraceEvent) -> String? {
        if case .handlerPaused(let handler) = event.kind { handler } else { nil }
    }

    private static func record(_ names: String..., in events: RecordingObserver) {
        for name in names { events.observe(MillraceEvent(level: .info, kind: .handlerPaused(handler: name))) }
    }

    @Test("gives one event after the other") func next() async throws {
        let events = RecordingObserver()
        Self.record("a", "x", "b", in: events)
        #expect(Self.name(try await events.next { Self.name($0) != "x" }) == "a")
        #expect(Self.name(try await events.next { Self.name($0) != "x" }) == "b")
        async let third = events.next { Self.name($0) != "x" }
        Self.record("x", "c", "d", in: events)
        #expect(Self.name(try await third) == "c")
        #expect(Self.name(try await events.next { _ in true }) == "d")
    }

    @Test("leaves out what was before a mark") func mark() async throws {
        let events = RecordingObserver()
        Self.record("a", "b", in: events)
        events.mark()
        async let next = events.next { _ in true }
        Self.record("c", in: events)
        #expect(Self.name(try await next) == "c")
        #expect(Self.name(try await events.event { _ in true }) == "a")
        let error = try await #require(throws: MillraceError.self) {
            try await events.next(within: .milliseconds(20)) { _ in true }
        }
        #expect(error.code == .deadlineExceeded)
    }

    @Test("gives the event of a number, of those that were and those to come") func number() async throws {
        let events = RecordingObserver()
        Self.record("a", "x", "b", in: events)
        #expect(Self.name(try await events.event(2) { Self.name($0) != "x" }) == "b")
        async let fourth = events.event(4) { Self.name($0) != "x" }
        Self.record("x", "c", in: events)
        Self.record("d", in: events)
        #expect(Self.name(try await fourth) == "d")
        await #expect(throws: MillraceError.self) { try await events.event(0) { _ in true } }
    }
}
