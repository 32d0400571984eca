@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct ChainTests {
    struct Noting: Middleware {
        let label: String
        let log: Box<[String]>
        func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
            log.update { $0.append("> \(label)") }
            defer { log.update { $0.append("< \(label)") } }
            return try await next(message, context)
        }
    }

    struct Staged: StagedMiddleware {
        let label: String
        let log: Box<[String]>
        var rescues = false
        func begin(_ message: Message, _ context: HandlerContext) { log.update { $0.append("begin \(label)") } }
        func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) {
            log.update { $0.append("finish \(label)") }
        }
        func recover(
            from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
        ) async throws -> Outputs {
            log.update { $0.append("recover \(label)") }
            if rescues { return [Message(text: "rescued")] }
            throw error
        }
    }

    @Test func theFirstIsTheOutermostAndTheRoutersSurroundTheHandlers() async throws {
        let log = Box<[String]>([])
        try await Bench().run([Message(text: "x")], .init { Staged(label: "d", log: log) }) {
            Staged(label: "a", log: log)
            Noting(label: "b", log: log)
            Staged(label: "c", log: log)
        } handler: { message, _ in
            log.update { $0.append("handler") }
            return [message]
        } _: { out in
            _ = try await out.next()
        }
        #expect(
            log.value == [
                "begin a", "> b", "begin c", "begin d", "handler", "finish d", "finish c", "< b", "finish a",
            ])
    }

    @Test func anErrorGoesOutwardUntilSomeoneRecovers() async throws {
        let log = Box<[String]>([])
        try await Bench().run {
            Staged(label: "a", log: log)
            Staged(label: "b", log: log, rescues: true)
            Noting(label: "c", log: log)
            Staged(label: "d", log: log)
        } handler: { _, _ in
            throw Flaky()
        } _: { out in
            let message = try await out.next()
            #expect(message.payload.text == "rescued")
        }
        #expect(
            log.value == ["begin a", "begin b", "> c", "begin d", "recover d", "< c", "recover b", "finish a"])
    }

    @Test func nextMayBeCalledAgain() async throws {
        struct Twice: Middleware {
            func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
                try await next(message, context) + next(message, context)
            }
        }
        let calls = Box(0)
        try await Bench().run {
            Twice()
            Retry(attempts: 2, backoff: .constant())
        } handler: { message, _ in
            calls.update { $0 += 1 }
            return [message]
        } _: { out in
            _ = try await out.next()
            _ = try await out.next()
        }
        #expect(calls.value == 2)
    }
}
