@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct RandomFailTests {
    /// Which of a hundred messages come through.
    private func survivors(_ middleware: RandomFail, calls: Box<Int> = Box(0)) async throws -> [String] {
        let events = RecordingObserver()
        let bench = try Bench(observers: [events])
        let survivors = Box<[String]>([])
        try await bench.run((0..<100).map { Message(text: "\($0)") }) {
            IgnoreErrors(RandomFail.Failure.self)
            middleware
        } handler: { message, _ in
            calls.update { $0 += 1 }
            return [message]
        } _: { out in
            while out.messages.count + events.count(where: { if case .errorIgnored = $0.kind { true } else { false } }) < 100 {
                _ = try? await out.next(within: .milliseconds(20))
            }
            let texts = out.messages.compactMap(\.payload.text)
            survivors.update { $0 = texts }
        }
        return survivors.value
    }

    @Test("The same seed meets the same messages")
    func seeded() async throws {
        let first = try await survivors(RandomFail(probability: 0.5, seed: 7))
        #expect(first.count > 25 && first.count < 75)
        #expect(try await survivors(RandomFail(probability: 0.5, seed: 7)) == first)
        #expect(try await survivors(RandomFail(probability: 0.5, seed: 8)) != first)
        #expect(try await survivors(RandomFail(probability: 0.5, random: RandomSource(seed: 7))) == first)
    }

    @Test("The probability 0 spares all and 1 none, before the handler or after it")
    func bounds() async throws {
        #expect(try await survivors(RandomFail()).count == 100)
        let before = Box(0)
        #expect(try await survivors(RandomFail(probability: 1), calls: before).isEmpty)
        #expect(before.value == 0)
        let after = Box(0)
        #expect(try await survivors(RandomFail(probability: 1, at: .afterHandler), calls: after).isEmpty)
        #expect(after.value == 100)
    }

    @Test("A delay lies in its range")
    func delays() async throws {
        let clock = ManualClock()
        let times = Box<[Duration]>([])
        let done = Signal()
        try await Bench(clock: clock).run((0..<20).map { Message(text: "\($0)") }) {
            RandomFail(delayProbability: 1, delay: .milliseconds(20)...Duration.milliseconds(40), seed: 1)
        } handler: { _, context in
            let now = context.clock.now
            let count = times.update { times -> Int in
                times.append(ClockInstant(nanoseconds: 0).duration(to: now))
                return times.count
            }
            if count == 20 { done.fire() }
            return []
        } _: { _ in
            while !done.hasFired, !Task.isCancelled {
                clock.advance(by: .milliseconds(1))
                for _ in 0..<20 { await Task.yield() }
            }
        }
        let waits = zip(times.value, times.value.dropFirst()).map { $1 - $0 }
        #expect(waits.allSatisfy { $0 >= .milliseconds(20) })
        #expect(Set(waits).count > 5)
    }

    @Test("A delay ends with its task")
    func cancellation() async throws {
        let broker = try quietBroker()
        let options = RouterOptions(drainTimeout: .milliseconds(1), observers: [])
        let router = Router(options) {
            RandomFail(delayProbability: 1, delay: .seconds(3_600)...Duration.seconds(3_600))
        }
        try router.consume("h", from: "in", on: broker) { _, _ in }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            while broker.depth(of: "in", group: "h")?.inFlight != 1 { await Task.yield() }
        }
        #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
    }

    @Test("Parameters out of bounds are refused at registration", arguments: [-0.1, 1.1, .nan])
    func parameters(value: Double) throws {
        let broker = try quietBroker()
        func refusal(_ middleware: RandomFail) -> String? {
            let router = Router(.quiet) { middleware }
            return #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: broker) { _, _ in } }?.message
        }
        #expect(
            refusal(RandomFail(probability: value))
                == "handler 'h': RandomFail: probability is \(value), it must be 0 to 1")
        #expect(refusal(RandomFail(delayProbability: value))?.contains("delayProbability is \(value)") == true)
        #expect(refusal(RandomFail(delay: .seconds(-1)...Duration.seconds(1)))?.contains("delay is -1") == true)
    }
}
