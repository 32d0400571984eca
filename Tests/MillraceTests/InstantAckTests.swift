@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct InstantAckTests {
    @Test("A message is acknowledged before its handler runs, and a failure is reported, not redelivered")
    func failureIsReported() async throws {
        let events = RecordingObserver()
        let bench = try Bench(observers: [events])
        let calls = Box(0)
        try await bench.run {
            InstantAck()
        } handler: { _, _ in
            calls.update { $0 += 1 }
            #expect(bench.broker.depth(of: "in", group: "h")?.inFlight == 0)
            throw Flaky()
        } _: { _ in
            let event = try await events.event { if case .messageRejected = $0.kind { true } else { false } }
            #expect(event.level == .error)
            #expect(event.fields.contains { $0 == ("reason", "failed after it was acknowledged: Flaky()") })
        }
        #expect(calls.value == 1)
        let depth = bench.broker.depth(of: "in", group: "h")
        #expect(depth?.waiting == 0 && depth?.delayed == 0)
        #expect(bench.broker.depth(of: "in.dead-letter", group: "x") == nil)
    }

    @Test("Retry inside works in place, also where it would hand over")
    func retryInPlace() async throws {
        let attempts = Box<[Int]>([])
        try await Bench().run {
            InstantAck()
            Retry(attempts: 3, backoff: .constant(.milliseconds(2)), inPlaceUpTo: .zero)
        } handler: { message, context in
            #expect(!context.canRetryLater)
            attempts.update { $0.append(context.attempt) }
            if context.attempt < 3 { throw Flaky() }
            return [message]
        } _: { out in
            _ = try await out.next()
        }
        #expect(attempts.value == [1, 2, 3])
    }

    @Test("What a shutdown cuts off is lost, which is what was asked for")
    func cutOff() async throws {
        let broker = try quietBroker()
        let started = Signal()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(1), observers: [])) { InstantAck() }
        try router.consume("h", from: "in", on: broker) { _, _ in
            started.fire()
            try await Signal().wait()
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await started.wait()
        }
        #expect(broker.depth(of: "in", group: "h")?.waiting == 0)
    }
}
