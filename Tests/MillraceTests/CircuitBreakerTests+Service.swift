import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting

extension CircuitBreakerTests {
    /// A handler behind a circuit breaker whose downstream can be switched off.
    final class Service: Sendable {
        let clock = ManualClock()
        let events = RecordingObserver(level: .debug)
        let broker: MemoryTransport
        let isUp = Box(true)
        let isBad = Box<@Sendable (Message) -> Bool>({ _ in false })
        /// What the handler was called with, in order.
        let calls = Box<[String]>([])
        let done = Box<Set<String>>([])
        let states = Box<[CircuitBreaker.State]>([])

        init() throws {
            broker = try quietBroker(MemoryOptions(capacity: 50_000), clock: clock)
        }

        func router(
            _ options: HandlerOptions = .init(), on subscriber: (any Subscriber)? = nil, patience: Int = 3,
            minimumCount: Int = 10, probes: Int = 1,
            body: @escaping @Sendable (String) async throws -> Void = { _ in }
        ) throws -> Router {
            var routerOptions = RouterOptions.quiet
            routerOptions.clock = clock
            routerOptions.observers = [events]
            let states = states
            let router = Router(routerOptions) {
                PoisonQueue("poison", on: broker)
                CircuitBreaker(
                    minimumCount: minimumCount, probes: probes, patience: patience,
                    onStateChange: { _, state in states.update { $0.append(state) } })
                Retry(attempts: 2, backoff: .constant())
            }
            let source: any Subscriber = subscriber ?? broker
            try router.consume("h", from: "in", on: source, options: options) { message, _ in
                try await self.handle(message, body)
            }
            return router
        }

        private func handle(_ message: Message, _ body: @Sendable (String) async throws -> Void) async throws {
            let text = message.payload.text ?? ""
            calls.update { $0.append(text) }
            try await body(text)
            guard isUp.value, !isBad.value(message) else { throw Flaky() }
            done.update { _ = $0.insert(text) }
        }

        func publish(_ range: Range<Int>) async throws {
            try await broker.publish(range.map { Message(text: "\($0)") }, to: "in")
        }

        func advance(_ step: Duration = .milliseconds(250), until isDone: () -> Bool) async {
            while !isDone(), !Task.isCancelled {
                clock.advance(by: step)
                for _ in 0..<50 { await Task.yield() }
            }
        }

        func opened() -> [Duration] {
            events.events.compactMap { if case .circuitOpened(_, let delay, _) = $0.kind { delay } else { nil } }
        }

        var poisoned: Int { broker.depth(of: "poison", group: "p")?.waiting ?? 0 }

        /// A group that keeps what is poisoned.
        func watchPoison() async throws { try await broker.prepare(topic: "poison", group: "p") }
    }
}
