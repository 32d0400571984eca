import Millrace
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct BatchMiddlewareTests {
    struct Refused: Error {}

    /// Notes what it sees, and what a handler within it can see of it.
    private struct Bracket: BatchMiddleware {
        @TaskLocal static var open: [String] = []
        let label: String
        let note: @Sendable (String) -> Void

        func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
            try await next(message, context)
        }

        func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
            note("\(label) \(batch.count)")
            do {
                try await Self.$open.withValue(Self.open + [label]) { try await next(batch, context) }
            } catch {
                note("\(label) \(error)")
                throw error
            }
        }
    }

    @Test("What can stand around a batch does, the first outermost, and the rest is left out")
    func batchesPassThroughIt() async throws {
        let bench = try Bench()
        let (lines, notes) = AsyncStream.makeStream(of: String.self)
        let router = Router(bench.options) {
            Bracket(label: "outer") { notes.yield($0) }
            Retry()
        }
        let own = HandlerOptions {
            Correlation()
            Bracket(label: "inner") { notes.yield($0) }
        }
        try router.consumeBatches("index", from: "pages", on: bench.broker, upTo: 2, within: .seconds(60), options: own) {
            _, context in
            notes.yield("\(Bracket.open) \(context.messageID == nil)")
            notes.finish()
            throw Refused()
        }
        #expect(router.describe().handlers.map(\.middleware) == [["Bracket", "Bracket"]])
        try await withRunning(router) {
            try await bench.broker.publish([Message(text: "1"), Message(text: "2")], to: "pages")
            let seen = await lines.reduce(into: []) { $0.append($1) }
            #expect(seen == ["outer 2", "inner 2", "[\"outer\", \"inner\"] true"])
        }
    }

    @Test("What it throws is the batch's failure, as if the handler had thrown it")
    func itsErrorsAreTheHandlers() async throws {
        let events = RecordingObserver()
        let bench = try Bench(observers: [events])
        let router = Router(bench.options) { Bracket(label: "outer") { _ in } }
        try router.consumeBatches("index", from: "pages", on: bench.broker, upTo: 1, within: .zero) { _, _ in throw Refused() }
        try await withRunning(router) {
            try await bench.broker.publish([Message(text: "1")], to: "pages")
            try await events.event {
                if case .messageFailed(_, _, _, _, 1, _, let error) = $0.kind { error is Refused } else { false }
            }
        }
    }
}
