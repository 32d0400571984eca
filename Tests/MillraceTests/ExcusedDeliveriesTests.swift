@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct ExcusedDeliveriesTests {
    /// Sends a message back a few times before the handler sees it.
    private struct NotYet: StagedMiddleware {
        let times: Box<Int>

        func begin(_ message: Message, _ context: HandlerContext) throws {
            guard times.increment() <= 3 else { return }
            context.excuseDelivery(of: message)
            throw RetryLater(after: .zero)
        }
    }

    @Test("A delivery that is excused counts neither towards maximumAttempts nor for Retry")
    func excused() async throws {
        let attempts = Box<[[Int]]>([])
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run([Message(text: "x")], .init(maximumAttempts: 1)) {
            PoisonQueue("poison", on: bench.broker)
            NotYet(times: Box(0))
            Retry(attempts: 2, backoff: .constant())
        } handler: { _, context in
            attempts.update { $0.append([context.attempt, context.deliveryAttempt]) }
            throw Flaky()
        } _: { _ in
            _ = try await poisoned.next()
        }
        #expect(attempts.value == [[1, 4], [2, 4]])
    }

    @Test("After so many attempts that do count, a message is given up")
    func givenUp() async throws {
        let events = RecordingObserver()
        let calls = Box(0)
        try await Bench(observers: [events]).run(
            [Message(text: "x")], .init(maximumAttempts: 2, redelivery: .constant())
        ) {
            NotYet(times: Box(0))
        } handler: { _, _ in
            _ = calls.increment()
            throw Flaky()
        } _: { _ in
            try await events.event { if case .messageRejected = $0.kind { true } else { false } }
        }
        #expect(calls.value == 2)
    }

    @Test("What is done is forgotten, and what is too much as well")
    func bounded() {
        let excused = ExcusedDeliveries()
        excused.add("a")
        excused.add("a")
        #expect(excused.count(of: "a") == 2)
        #expect(excused.count(of: "b") == 0)
        excused.remove("a")
        #expect(excused.isEmpty)
        for number in 0...ExcusedDeliveries.limit { excused.add(MessageID("\(number)")) }
        #expect(excused.count(of: MessageID("\(ExcusedDeliveries.limit)")) == 1)
        let kept = (0...ExcusedDeliveries.limit).count { excused.count(of: MessageID("\($0)")) == 1 }
        #expect(kept == ExcusedDeliveries.limit)
    }
}
