@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite("A failure policy", .timeLimit(.minutes(1))) struct FailurePolicyTests {
    struct Declined: Error {}
    struct Unavailable: Error {}

    @Test("takes the first rule that matches the error") func firstRule() async throws {
        let bench = try Bench()
        let declined = try await TopicProbe(of: "declined", on: bench.broker)
        let poison = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run(["declined", "final", "other"].map { Message(text: $0) }) {
            FailurePolicy(
                .on(Declined.self, .deadLetter("declined", on: bench.broker)),
                .notRetriable(.drop),
                .otherwise(.deadLetter("poison", on: bench.broker)))
        } handler: { message, _ in
            switch message.payload.text {
            case "declined": throw Declined()
            case "final": throw Reject("no")
            default: throw Flaky()
            }
        } _: { _ in
            let (first, second) = (try await declined.next(), try await poison.next())
            #expect(first.payload.text == "declined")
            #expect(second.payload.text == "other")
        }
        #expect(declined.messages.count == 1)
        #expect(poison.messages.count == 1)
        #expect(bench.broker.depth(of: "in", group: "h")?.total == 0)
    }

    @Test("finds a type behind a MillraceError") func underlying() async throws {
        let bench = try Bench()
        let declined = try await TopicProbe(of: "declined", on: bench.broker)
        try await bench.run {
            FailurePolicy(.on(Declined.self, .deadLetter("declined", on: bench.broker)))
        } handler: { _, _ in
            throw MillraceError(.connectionFailed, "", underlying: Declined(), isRetriable: true)
        } _: { _ in
            let letter = try await declined.next()
            #expect(letter.metadata[MetadataKey.poisonErrorType] == "MillraceError.connectionFailed")
        }
    }

    @Test("counts attempts over retries in place and redeliveries, and takes its actions in turn")
    func actionsInTurn() async throws {
        let bench = try Bench()
        let attempts = Box<[[Int]]>([])
        let poison = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            FailurePolicy(
                .otherwise(
                    .retry(attempts: 3, backoff: .constant()), .retryLater(attempts: 5, backoff: .constant()),
                    .deadLetter("poison", on: bench.broker)))
        } handler: { _, context in
            attempts.update { $0.append([context.deliveryAttempt, context.attempt]) }
            throw Flaky()
        } _: { _ in
            let letter = try #require(DeadLetter(try await poison.next()))
            #expect(letter.attempts == 5)
        }
        #expect(attempts.value == [[1, 1], [1, 2], [1, 3], [2, 4], [3, 5]])
    }

    @Test("keeps the time of the first failure across redeliveries") func firstFailure() async throws {
        let clock = ManualClock()
        let bench = try Bench(clock: clock)
        let start = clock.unixMilliseconds
        let poison = try await TopicProbe(of: "poison", on: bench.broker)
        let failed = Box(0)
        try await bench.run {
            FailurePolicy(
                .otherwise(
                    .retryLater(attempts: 2, backoff: .constant(.seconds(60))), .deadLetter("poison", on: bench.broker)))
        } handler: { _, _ in
            failed.update { $0 += 1 }
            throw Flaky()
        } _: { _ in
            while poison.messages.isEmpty, failed.value < 2 {
                if failed.value == 1 { clock.advance(by: .seconds(1)) }
                await Task.yield()
            }
            let letter = try #require(DeadLetter(try await poison.next()))
            #expect(letter.firstFailedAt == start)
            let last = try #require(letter.lastFailedAt)
            #expect(last >= start + 60_000)
        }
    }

    @Test("rejects to the transport's dead letters") func rejects() async throws {
        let observer = RecordingObserver(level: .error)
        try await Bench(observers: [observer]).run {
            FailurePolicy(.otherwise(.reject))
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            _ = try await observer.event { if case .messageRejected(_, _, "Flaky()") = $0.kind { true } else { false } }
        }
    }

    @Test("drops, and says so") func drops() async throws {
        let observer = RecordingObserver(level: .warning)
        let bench = try Bench(observers: [observer])
        try await bench.run {
            FailurePolicy(.otherwise(.drop))
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            _ = try await observer.event { if case .messageDropped = $0.kind { true } else { false } }
        }
        #expect(bench.broker.depth(of: "in", group: "h")?.total == 0)
    }

    @Test("pauses the handler and loses nothing: after the resumption the message is handled in its old place")
    func pauses() async throws {
        let observer = RecordingObserver(level: .error)
        var options = RouterOptions.quiet
        options.observers = [observer]
        let broker = try quietBroker()
        let isDown = Box(true)
        let handled = Box<[String]>([])
        let router = Router(options) { FailurePolicy(.on(Unavailable.self, .pauseHandler)) }
        let out = try await TopicProbe(of: "out", on: broker)
        try router.handle("h", from: "in", on: broker, to: "out") { message, context in
            if isDown.value { throw Unavailable() }
            handled.update { $0.append("\(message.payload.text ?? "") \(context.attempt)") }
            return [message]
        }
        try await withRunning(router) {
            try await broker.publish(["1", "2", "3"].map { Message(text: $0) }, to: "in")
            _ = try await observer.event { if case .handlerPausedByPolicy = $0.kind { true } else { false } }
            while broker.depth(of: "in", group: "h")?.inFlight != 0 { await Task.yield() }
            #expect(router.health.handlers[0].state == .paused)
            #expect(router.health.handlers[0].pausedBy == [.failurePolicy])
            #expect(handled.value == [])
            isDown.update { $0 = false }
            try router.resume("h")
            _ = try await out.collect(3)
            #expect(router.health.handlers[0].pausedBy == [])
        }
        #expect(handled.value == ["1 1", "2 1", "3 1"])
    }

    @Test("keeps the count of attempts and the time of the first failure over a pause") func pauseKeepsCount() async throws {
        let observer = RecordingObserver(level: .error)
        let bench = try Bench(observers: [observer])
        let attempts = Box<[Int]>([])
        let firstFailures = Box<Set<Int64?>>([])
        let router = Router(bench.options) {
            FailurePolicy(
                .otherwise(
                    .retry(attempts: 3, backoff: .constant()), .retryLater(attempts: 4, backoff: .constant()), .pauseHandler))
        }
        try router.handle("h", from: "in", on: bench.broker, to: "out") { message, context in
            attempts.update { $0.append(context.attempt) }
            if context.attempt > 3 { firstFailures.update { _ = $0.insert(context.firstFailedAt) } }
            if attempts.value.count < 5 { throw Flaky() }
            return [message]
        }
        let out = try await TopicProbe(of: "out", on: bench.broker)
        try await withRunning(router) {
            try await bench.broker.publish(Message(text: "x"), to: "in")
            try await observer.event { if case .handlerPausedByPolicy = $0.kind { true } else { false } }
            try router.resume("h")
            _ = try await out.next()
        }
        #expect(attempts.value == [1, 2, 3, 4, 4])
        #expect(firstFailures.value.count == 1)
        #expect(!firstFailures.value.contains(nil))
    }

    @Test("that pauses the handler gives back what is fetched already, and says so once") func pauseStopsTheBatch() async throws {
        let observer = RecordingObserver(level: .error)
        let bench = try Bench(observers: [observer])
        let seen = Box<[String]>([])
        let isMended = Box(false)
        let router = Router(bench.options) { FailurePolicy(.on(Unavailable.self, .pauseHandler)) }
        try router.handle("h", from: "in", on: bench.broker, to: "out") { message, _ in
            let text = message.payload.text ?? ""
            if text.hasSuffix("00"), !isMended.value { throw Unavailable() }
            seen.update { $0.append(text) }
            return [message]
        }
        let out = try await TopicProbe(of: "out", on: bench.broker)
        let texts = (1...400).map { "\($0)" }
        try await bench.broker.prepare(topic: "in", group: "h")
        try await bench.broker.publish(texts.map { Message(text: $0) }, to: "in")
        try await withRunning(router) {
            try await observer.event { if case .handlerPausedByPolicy = $0.kind { true } else { false } }
            isMended.update { $0 = true }
            while bench.broker.depth(of: "in", group: "h")?.inFlight != 0 { await Task.yield() }
            try router.resume("h")
            _ = try await out.collect(400)
        }
        #expect(seen.value == texts)
        #expect(observer.count { if case .handlerPausedByPolicy = $0.kind { true } else { false } } == 1)
    }

    @Test("gives a message up that was handed out too often, without another attempt") func exhausted() async throws {
        let bench = try Bench()
        let poison = try await TopicProbe(of: "poison", on: bench.broker)
        let calls = Box(0)
        try await bench.run([Message(text: "x")], .init(maximumAttempts: 2)) {
            FailurePolicy(
                .otherwise(
                    .retry(attempts: 10, backoff: .constant()), .retryLater(attempts: 20, backoff: .constant()),
                    .deadLetter("poison", on: bench.broker)))
        } handler: { _, _ in
            calls.update { $0 += 1 }
            throw RetryLater(after: .zero)
        } _: { _ in
            let letter = try #require(DeadLetter(try await poison.next()))
            #expect(letter.errorType == "MillraceError.attemptsExhausted")
            #expect(letter.attempts == 3)
        }
        #expect(calls.value == 2)
    }

    @Test("that rejects tells a PoisonQueue outside of it what the error was") func rejectKeepsType() async throws {
        let bench = try Bench()
        let poison = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            FailurePolicy(.otherwise(.reject))
        } handler: { _, _ in
            throw Declined()
        } _: { _ in
            let letter = try #require(DeadLetter(try await poison.next()))
            #expect(letter.errorType == "Declined")
            #expect(letter.reason == "Declined()")
        }
    }

    @Test("lets an error without a rule go on outward, and RetryLater pass") func noRule() async throws {
        let bench = try Bench()
        let poison = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            FailurePolicy(.on(Declined.self, .drop), .when({ $0 is RetryLater }, .drop))
        } handler: { _, context in
            if context.attempt == 1 { throw RetryLater(after: .zero) }
            throw Flaky()
        } _: { _ in
            let letter = try await poison.next()
            #expect(letter.metadata[MetadataKey.poisonAttempts] == "2")
        }
    }

    @Test("loses nothing when its dead-letter topic is down") func topicDown() async throws {
        let bench = try Bench()
        let poison = FailingPublisher(failures: 2)
        try await bench.run([Message(text: "x")], .init(redelivery: .constant(.milliseconds(1)))) {
            FailurePolicy(.otherwise(.deadLetter("poison", on: poison)))
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            try await poison.accepted.wait()
        }
        #expect(poison.published.value.count == 1)
    }

    @Test("ends a wait with the shutdown, and gives the message back") func cancelled() async throws {
        let bench = try Bench()
        let failed = Signal()
        var options = bench.options
        options.drainTimeout = .zero
        let router = Router(options) { FailurePolicy(.otherwise(.retry(attempts: 2, backoff: .constant(.seconds(3_600))))) }
        try router.handle("h", from: "in", on: bench.broker, to: "out") { _, _ in
            failed.fire()
            throw Flaky()
        }
        try await withRunning(router) {
            try await bench.broker.publish(Message(text: "x"), to: "in")
            try await failed.wait()
        }
        #expect(bench.broker.depth(of: "in", group: "h")?.total == 1)
    }

    @Test(
        "with bad parameters is refused, by the number of the rule",
        arguments: [
            (FailurePolicy(), "rules is 0"),
            (FailurePolicy(.otherwise()), "rule 1: actions is 0"),
            (FailurePolicy(.otherwise(.drop), .otherwise(.retry(attempts: 1))), "rule 2: attempts is 1"),
            (FailurePolicy(.otherwise(.retry(attempts: 3), .retryLater(attempts: 3))), "attempts is 3, it must be more than 3"),
            (FailurePolicy(.otherwise(.drop, .reject)), "nothing can follow action 1"),
        ]) func refused(_ policy: FailurePolicy, _ text: String) throws
    {
        let router = Router(.quiet) { policy }
        let broker = try quietBroker()
        let error = #expect(throws: MillraceError.self) {
            try router.consume("h", from: "in", on: broker) { _, _ in }
        }
        #expect(error?.code == .invalidOption)
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
    }
}
