import Metrics
import MetricsTestKit
import Millrace
import MillraceMemory
import MillraceSwiftMetrics
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct SwiftMetricsTests {
    struct Refused: Error {}

    /// Counts how many instruments are made for a name and its dimensions.
    private final class CountingFactory: MetricsFactory {
        let backend = TestMetrics()
        private let made = AsyncStream.makeStream(of: String.self)

        private func note(_ label: String, _ dimensions: [(String, String)]) {
            made.continuation.yield("\(label) \(dimensions.map { "\($0)=\($1)" }.sorted())")
        }

        /// All that were made. There are no more after that.
        func all() async -> [String] {
            made.continuation.finish()
            return await made.stream.reduce(into: []) { $0.append($1) }
        }

        func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
            note(label, dimensions)
            return backend.makeCounter(label: label, dimensions: dimensions)
        }

        func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
            note(label, dimensions)
            return backend.makeRecorder(label: label, dimensions: dimensions, aggregate: aggregate)
        }

        func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
            note(label, dimensions)
            return backend.makeTimer(label: label, dimensions: dimensions)
        }

        func destroyCounter(_ handler: any CounterHandler) { backend.destroyCounter(handler) }
        func destroyRecorder(_ handler: any RecorderHandler) { backend.destroyRecorder(handler) }
        func destroyTimer(_ handler: any TimerHandler) { backend.destroyTimer(handler) }
    }

    /// What is in the factory is what is in the registry: the names and labels, and the values.
    private func expectSame(_ backend: TestMetrics, as registry: MetricsRegistry) {
        let families = registry.collect()
        #expect(!families.isEmpty)
        for family in families {
            for sample in family.samples {
                let dimensions = sample.labels.pairs.map { ($0.name, $0.value) }
                let place = "\(family.name) \(dimensions)"
                switch (family.kind, sample.value) {
                case (.counter, .number(let value)):
                    let counter = try? backend.expectCounter(family.name, dimensions)
                    #expect(counter.map { Double($0.totalValue) } == value, "\(place)")
                case (.gauge, .number(let value)):
                    let gauge = try? backend.expectRecorder(family.name, dimensions)
                    #expect(gauge?.lastValue == value, "\(place)")
                case (.histogram, .distribution(let distribution)):
                    let timer = try? backend.expectTimer(family.name, dimensions)
                    #expect(timer?.values.count == distribution.count, "\(place)")
                    let sum = Double(timer?.values.reduce(0, +) ?? 0) / 1e9
                    #expect(abs(sum - distribution.sum) < 1e-6, "\(place)")
                default: Issue.record("\(place)")
                }
            }
        }
    }

    @Test func everyInstrumentReachesTheFactoryAndIsMadeOnce() async throws {
        let factory = CountingFactory()
        let clock = ManualClock()
        let reporter = SwiftMetricsReporter(factory: factory, every: .seconds(10), clock: clock)
        let broker = MemoryTransport()
        let events = RecordingObserver()
        let router = Router(.init(observers: [events], plugins: [reporter])) {
            MetricsMiddleware(in: reporter.registry, watermillNames: true)
            PoisonQueue("orders.poison", on: broker)
            Retry(attempts: 2, backoff: .constant(.zero))
        }
        try router.handle("bill", from: "orders", on: broker, to: "invoices") { message, _ in
            if message.payload.text == "bad" { throw Refused() }
            return [Message(text: "invoice")]
        }
        let (good, bad) = (Message(text: "good"), Message(text: "bad"))
        try await withRunning(router) {
            try await broker.publish([bad, good], to: "orders")
            try await events.handled(good)
            // The state of handlers is recorded when the interval has passed.
            while clock.advanceToNextTimer(), factory.backend.recorders.isEmpty {}
            let running = try #require(
                factory.backend.recorders.first {
                    $0.label == "millrace_handler_state" && $0.dimensions.contains { $0 == ("state", "running") }
                })
            #expect(running.lastValue == 1)
        }
        let names = Set(reporter.registry.collect().map(\.name))
        // By these names, and no others, Docs/observability.md knows them.
        let promised = [
            "messaging_process_duration_seconds", "messaging_client_consumed_messages_total",
            "messaging_client_sent_messages_total", "messaging_client_operation_duration_seconds",
            "millrace_acknowledgement_duration_seconds", "millrace_retries_total", "millrace_redeliveries_total",
            "millrace_poisoned_messages_total", "millrace_rejected_messages_total", "millrace_dropped_messages_total",
            "millrace_reconnects_total",
        ]
        for name in promised { #expect(names.contains(name), "\(name)") }
        let labels = Set((factory.backend.recorders).map(\.label))
        #expect(
            labels == [
                "millrace_in_flight_messages", "millrace_lag_messages", "millrace_handler_state", "millrace_handler_paused",
            ])
        expectSame(factory.backend, as: reporter.registry)
        #expect(factory.backend.counters.first { $0.label == "millrace_poisoned_messages_total" }?.totalValue == 1)
        #expect(factory.backend.counters.first { $0.label == "millrace_retries_total" }?.totalValue == 1)
        let stopped = factory.backend.recorders.first {
            $0.label == "millrace_handler_state" && $0.dimensions.contains { $0 == ("state", "stopped") }
        }
        #expect(stopped?.lastValue == 1)
        let made = await factory.all()
        #expect(made.count == Set(made).count)
    }

    @Test func instrumentsOfAServiceReachTheFactory() throws {
        let backend = TestMetrics()
        let reporter = SwiftMetricsReporter(factory: backend)
        let (counter, gauge, histogram) = (
            try reporter.registry.counter("shop_charges_total", help: "Charges.", labels: ["bank": "north"]),
            try reporter.registry.gauge("shop_open_lines", help: "Lines."),
            try reporter.registry.histogram("shop_bank_duration_seconds", help: "Time.")
        )
        counter.increment(by: 3)
        gauge.set(5)
        gauge.add(-2)
        histogram.record(.milliseconds(12), count: 2)
        #expect(try backend.expectCounter("shop_charges_total", [("bank", "north")]).totalValue == 3)
        #expect(try backend.expectRecorder("shop_open_lines").values == [5, 3])
        #expect(try backend.expectTimer("shop_bank_duration_seconds").values == [12_000_000, 12_000_000])
    }

    @Test func whatCollectorsCountIsForwardedOnce() throws {
        let backend = TestMetrics()
        let reporter = SwiftMetricsReporter(factory: backend)
        let (totals, next) = ([3.0, 3, 5, 1], Counted())
        reporter.registry.onCollect { samples in
            samples.counter("shop_lines_total", help: "Lines.", totals[next.increment()])
            samples.gauge("shop_waiting_lines", help: "Lines that wait.", 4)
        }
        for _ in totals { reporter.registry.forwardCollected() }
        // The last total is that of a counter that has begun anew.
        #expect(try backend.expectCounter("shop_lines_total").values == [3, 2, 1])
        #expect(try backend.expectRecorder("shop_waiting_lines").values == [4, 4, 4, 4])
    }

    @Test func anIntervalOfNothingIsRefused() async throws {
        let router = Router(.init(observers: [], plugins: [SwiftMetricsReporter(factory: TestMetrics(), every: .zero)]))
        let error = await #expect(throws: MillraceError.self) { try await router.run(stoppingOn: []) }
        #expect(error?.code == .invalidOption)
    }

    /// Counts its calls.
    private final class Counted: Sendable {
        private let counter = MetricsRegistry()
        func increment() -> Int {
            let calls = try? counter.counter("calls_total", help: "Calls.")
            defer { calls?.increment() }
            return calls?.value ?? 0
        }
    }
}
