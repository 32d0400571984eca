@testable import Millrace
import MillraceMemory
import MillraceTesting

/// A router with one handler on memory, for tests of what stands around the handler.
struct Bench {
    let broker: MemoryTransport
    let options: RouterOptions

    init(clock: any SchedulingClock = SystemClock.shared, observers: [any Observer] = []) throws {
        broker = try quietBroker(clock: clock)
        var options = RouterOptions.quiet
        options.clock = clock
        options.random = RandomSource(seed: 1)
        options.observers = observers
        self.options = options
    }

    /// Publishes `messages` to a handler that sends what it returns to `out`, and runs `body` meanwhile.
    func run(
        _ messages: [Message] = [Message(text: "x")], _ handlerOptions: HandlerOptions = .init(),
        @MiddlewareBuilder middleware: () -> [any Middleware],
        handler: @escaping @Sendable (Message, HandlerContext) async throws -> Outputs,
        _ body: (TopicProbe) async throws -> Void
    ) async throws {
        let router = Router(options, middleware: middleware)
        try router.handle("h", from: "in", on: broker, to: "out", options: handlerOptions, handler)
        let out = try await TopicProbe(of: "out", on: broker)
        try await withRunning(router) {
            try await broker.publish(messages, to: "in")
            try await body(out)
        }
    }
}
