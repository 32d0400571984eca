@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct TimeoutTests {
    @Test func eachAttemptHasItsOwnTime() async throws {
        let clock = ManualClock()
        let bench = try Bench(clock: clock)
        let cancelled = Box<[Bool]>([])
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            Retry(attempts: 3, backoff: .constant())
            Timeout(.seconds(1))
        } handler: { _, context in
            // No cancelled state leaks into the next attempt.
            cancelled.update { $0.append(Task.isCancelled) }
            try await SystemClock.shared.sleep(for: .seconds(3_600))
            return []
        } _: { _ in
            let message = Task { try await poisoned.next() }
            while cancelled.value.count < 3 || clock.timerCount > 1 {
                clock.advance(by: .milliseconds(125))
                await Task.yield()
            }
            let reason = try await message.value.metadata["reason_poisoned"]
            #expect(reason?.contains("timedOut") == true)
        }
        #expect(cancelled.value == [false, false, false])
    }

    @Test func theWorkerGoesOnInANewTask() async throws {
        let clock = ManualClock()
        let bench = try Bench(clock: clock)
        let messages = (0..<20).map { Message(text: "\($0)") }
        let seen = Box<[String]>([])
        let failed = Box<[any Error]>([])
        try await bench.run(messages, .init(redelivery: .constant(.seconds(10_000)))) {
            ErrorRecorder(errors: failed)
            Timeout(.seconds(1))
        } handler: { message, _ in
            let text = message.payload.text ?? ""
            if text == "3" || text == "7" { try await SystemClock.shared.sleep(for: .seconds(3_600)) }
            seen.update { $0.append(text) }
            return []
        } _: { _ in
            while seen.value.count < 18 {
                clock.advance(by: .milliseconds(125))
                await Task.yield()
            }
        }
        #expect(seen.value == (0..<20).filter { $0 != 3 && $0 != 7 }.map(String.init))
        #expect(failed.value.count == 2)
        #expect(failed.value.allSatisfy { ($0 as? MillraceError)?.code == .timedOut })
    }

    @Test func aHandlerInTimeIsLeftAlone() async throws {
        try await Bench().run((0..<1_000).map { Message(text: "\($0)") }) {
            Timeout(.seconds(30))
        } handler: { message, _ in
            #expect(!Task.isCancelled)
            return [message]
        } _: { out in
            for number in 0..<1_000 {
                let message = try await out.next()
                #expect(message.payload.text == "\(number)")
            }
        }
    }
}

/// Staged middleware that notes the errors it sees.
struct ErrorRecorder: StagedMiddleware {
    let errors: Box<[any Error]>
    func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        errors.update { $0.append(error) }
        throw error
    }
}
