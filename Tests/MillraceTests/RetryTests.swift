@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct RetryTests {
    @Test func succeedsAtTheLastAttempt() async throws {
        let attempts = Box<[Int]>([])
        let waits = Box<[Duration]>([])
        try await Bench().run {
            Retry(
                attempts: 3, backoff: .constant(.milliseconds(1)),
                onRetry: { failure in waits.update { $0.append(failure.delay) } })
        } handler: { message, context in
            attempts.update { $0.append(context.attempt) }
            if context.attempt < 3 { throw Flaky() }
            return [message]
        } _: { out in
            _ = try await out.next()
        }
        #expect(attempts.value == [1, 2, 3])
        #expect(waits.value == [.milliseconds(1), .milliseconds(1)])
    }

    /// Tried twice in place, then sent away by the handler itself: the third attempt is the third.
    @Test func attemptsInPlaceCountWhenTheHandlerAsksForItsMessageLater() async throws {
        let attempts = Box<[[Int]]>([])
        try await Bench().run {
            Retry(attempts: 5, backoff: .constant(.milliseconds(1)))
        } handler: { message, context in
            attempts.update { $0.append([context.attempt, context.deliveryAttempt]) }
            switch context.attempt {
            case 1: throw Flaky()
            case 2: throw RetryLater(after: .milliseconds(1))
            default: return [message]
            }
        } _: { out in
            _ = try await out.next()
        }
        #expect(attempts.value == [[1, 1], [2, 1], [3, 2]])
    }

    @Test func delaysThatAreReportedAreSlept() async throws {
        let clock = ManualClock()
        let times = Box<[ClockInstant]>([])
        let waits = Box<[Duration]>([])
        let done = Signal()
        try await Bench(clock: clock).run {
            Retry(
                attempts: 4, backoff: .exponential(from: .milliseconds(50), upTo: .milliseconds(200)),
                onRetry: { failure in waits.update { $0.append(failure.delay) } })
        } handler: { _, context in
            times.update { $0.append(context.clock.now) }
            if context.attempt == 4 {
                done.fire()
                return []
            }
            throw Flaky()
        } _: { _ in
            while !done.hasFired {
                clock.advance(by: .microseconds(100))
                await Task.yield()
            }
        }
        let slept = zip(times.value, times.value.dropFirst()).map { $0.duration(to: $1) }
        #expect(slept.count == 3)
        for (slept, reported) in zip(slept, waits.value) {
            #expect(slept >= reported)
            #expect(slept - reported < .milliseconds(2))
        }
    }

    @Test func longDelaysAreHandedToTheTransportAndTheCountGoesOn() async throws {
        let clock = ManualClock()
        let attempts = Box<[[Int]]>([])
        let bench = try Bench(clock: clock)
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            Retry(
                attempts: 5, backoff: .exponential(from: .milliseconds(100), upTo: .seconds(60), jitter: false),
                inPlaceUpTo: .milliseconds(200))
        } handler: { _, context in
            attempts.update { $0.append([context.attempt, context.deliveryAttempt]) }
            throw Flaky()
        } _: { _ in
            let message = Task { try await poisoned.next() }
            for _ in 0..<200 where attempts.value.count < 5 {
                clock.advance(by: .milliseconds(25))
                for _ in 0..<20 { await Task.yield() }
            }
            while attempts.value.count < 5 {
                clock.advance(by: .milliseconds(25))
                await Task.yield()
            }
            let attempts = try await message.value.metadata[MetadataKey.poisonAttempts]
            #expect(attempts == "5")
        }
        // 100 and 200 ms are waited out in place, 400 and 800 ms in the transport.
        #expect(attempts.value == [[1, 1], [2, 1], [3, 1], [4, 2], [5, 3]])
    }

    @Test func aHandlersOwnDelayCountsAsOneAttempt() async throws {
        let attempts = Box<[Int]>([])
        let done = Signal()
        try await Bench().run {
            Retry(attempts: 5, backoff: .exponential(from: .milliseconds(1), upTo: .seconds(60), jitter: false))
        } handler: { _, context in
            let count = attempts.update { attempts in
                attempts.append(context.attempt)
                return attempts.count
            }
            if count == 1 { throw RetryLater(after: .milliseconds(1)) }
            if count < 4 { throw Flaky() }
            done.fire()
            return []
        } _: { _ in
            try await done.wait()
        }
        #expect(attempts.value == [1, 2, 3, 4])
    }

    @Test func errorsThatCannotBeHelpedAreNotRetried() async throws {
        for error in [Reject("no"), MillraceError(.decodingFailed, "no", isRetriable: false)] as [any Error] {
            let attempts = Box(0)
            let bench = try Bench()
            let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
            try await bench.run {
                PoisonQueue("poison", on: bench.broker)
                Retry(attempts: 5, backoff: .constant())
            } handler: { _, _ in
                attempts.update { $0 += 1 }
                throw error
            } _: { _ in
                _ = try await poisoned.next()
            }
            #expect(attempts.value == 1)
        }
    }

    @Test func shouldRetryDecides() async throws {
        let attempts = Box(0)
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            Retry(attempts: 5, backoff: .constant(), shouldRetry: { $0.attempt < 2 })
        } handler: { _, _ in
            attempts.update { $0 += 1 }
            throw Flaky()
        } _: { _ in
            _ = try await poisoned.next()
        }
        #expect(attempts.value == 2)
    }

    @Test func elapsedTimeIsLimited() async throws {
        let attempts = Box(0)
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            Retry(attempts: 100, backoff: .constant(.milliseconds(40)), maximumElapsed: .milliseconds(100))
        } handler: { _, _ in
            attempts.update { $0 += 1 }
            throw Flaky()
        } _: { _ in
            _ = try await poisoned.next()
        }
        #expect(attempts.value >= 2 && attempts.value <= 4)
    }

    @Test func backoffGrowsToItsMaximum() {
        let backoff = Backoff.exponential(from: .milliseconds(100), upTo: .seconds(1), jitter: false)
        #expect((1...6).map { backoff.nominalDelay(after: $0) } == [100, 200, 400, 800, 1_000, 1_000].map { .milliseconds($0) })
        #expect(Backoff.constant().nominalDelay(after: 1_000_000) == .zero)
        let huge = Backoff.exponential(from: .seconds(1), upTo: .seconds(Int64.max), factor: 1e300, jitter: false)
        #expect(huge.nominalDelay(after: 5) == .seconds(Int64.max))
        let random = RandomSource(seed: 3)
        let jittered = Backoff.exponential(from: .seconds(1), upTo: .seconds(1))
        let delays = (0..<1_000).map { _ in jittered.delay(after: 1, random: random) }
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= .seconds(1) })
        #expect(delays.contains { $0 < .milliseconds(100) } && delays.contains { $0 > .milliseconds(900) })
    }
}
