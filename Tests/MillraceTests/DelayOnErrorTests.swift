@testable import Millrace
import MillraceMemory
import MillraceTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct DelayOnErrorTests {
    @Test("The transport brings the message back after delays that grow by the factor, fractions included")
    func delays() async throws {
        let clock = ManualClock()
        let events = RecordingObserver()
        let done = Signal()
        try await Bench(clock: clock, observers: [events]).run {
            DelayOnError(.exponential(from: .seconds(2), upTo: .seconds(5), factor: 1.5, jitter: false))
        } handler: { _, context in
            if context.deliveryAttempt == 5 {
                done.fire()
                return []
            }
            throw Flaky()
        } _: { _ in
            while !done.hasFired, !Task.isCancelled {
                clock.advance(by: .milliseconds(100))
                for _ in 0..<20 { await Task.yield() }
            }
        }
        let delays = events.events.compactMap { event -> Duration? in
            if case .messageFailed(_, _, _, _, _, let delay, _) = event.kind { delay } else { nil }
        }
        #expect(delays == [.seconds(2), .seconds(3), .milliseconds(4_500), .seconds(5)])
    }

    @Test("Other messages go on meanwhile")
    func othersGoOn() async throws {
        try await Bench(clock: ManualClock()).run([Message(text: "bad"), Message(text: "good")]) {
            DelayOnError()
        } handler: { message, _ in
            if message.payload.text == "bad" { throw Flaky() }
            return [message]
        } _: { out in
            let found = try await out.next().payload.text
            #expect(found == "good")
        }
    }

    @Test("After so many deliveries the error goes outward")
    func attempts() async throws {
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            DelayOnError(.constant(.milliseconds(1)), attempts: 3)
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            let found = try await poisoned.next().metadata[MetadataKey.poisonAttempts]
            #expect(found == "3")
        }
    }

    @Test("Errors that another attempt can't mend go outward at once")
    func finalErrors() async throws {
        for error in [Reject("no"), MillraceError(.decodingFailed, "no", isRetriable: false)] as [any Error] {
            let bench = try Bench()
            let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
            try await bench.run {
                PoisonQueue("poison", on: bench.broker)
                DelayOnError()
            } handler: { _, _ in
                throw error
            } _: { _ in
                _ = try await poisoned.next()
            }
        }
    }

    @Test("A transport that can't delay is refused, and so are parameters out of bounds")
    func refusals() throws {
        struct Poor: Subscriber {
            var capabilities: Capabilities { [.groups] }
            func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
                throw MillraceError(.closed, "", isRetriable: false)
            }
        }
        func refusal(_ subscriber: any Subscriber, _ middleware: DelayOnError) -> MillraceError? {
            let router = Router(.quiet) { middleware }
            return #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: subscriber) { _, _ in } }
        }
        #expect(refusal(Poor(), DelayOnError())?.code == .unsupported)
        #expect(refusal(Poor(), DelayOnError())?.message.hasPrefix("handler 'h': DelayOnError needs") == true)
        let broker = try quietBroker()
        #expect(refusal(broker, DelayOnError(attempts: 0))?.message.contains("attempts is 0") == true)
        #expect(refusal(broker, DelayOnError(.constant(.seconds(-1))))?.message.contains("backoff.first") == true)
    }
}
