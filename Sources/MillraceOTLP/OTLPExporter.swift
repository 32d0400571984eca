import Foundation
public import Millrace
import Synchronization

/// Sends spans to a collector by OTLP, the protocol of OpenTelemetry, as JSON over HTTP.
///
/// ```swift
/// let exporter = try OTLPExporter(.init(resource: ["service.name": "invoicing"]))
/// let router = Router(.init(plugins: [exporter])) {
///     TracingMiddleware(exportingTo: exporter)
/// }
/// ```
///
/// A handler never waits for it: spans go to a queue, and are sent in batches by a task beside the handlers. When the collector is
/// away, spans are tried again for a while, then dropped; so are those for which the queue has no room. What is dropped is
/// counted, and reported by the event `spansDropped`.
///
/// As a plugin it sends what is left when its router has drained. Several routers may share it. Elsewhere call
/// ``flush(within:)`` before the process ends.
public final class OTLPExporter: SpanExporter, RouterPlugin {
    private struct State {
        var queue: [SpanData] = []
        /// How many of the queue are to be sent now, be they enough for a batch or not.
        var due = 0
        /// Whether a timer will make the rest due.
        var isTimed = false
        var sending: Task<Void, Never>?
        /// How many had no room and were not reported yet.
        var unreported = 0
    }

    private let options: OTLPOptions
    private let request: OTLPRequest
    private let post: @Sendable (Data) async throws -> OTLPReply
    private let close: @Sendable () -> Void
    private let observers: Observers
    private let clock: any SchedulingClock
    private let random: RandomSource
    private let state = Lock(State())
    private let exported: MetricCounter
    private let dropped: MetricCounter

    /// An exporter. Nothing is sent before the first span.
    ///
    /// - Parameters:
    ///   - options: Where spans are sent, and how. ``OTLPOptions/init(environment:)`` reads them from the environment.
    ///   - metrics: Where `millrace_spans_exported_total` and `millrace_spans_dropped_total` are kept; nil for nowhere.
    ///   - observers: Who is told of spans that are dropped. Defaults to warnings on standard error.
    ///   - clock: What delays are measured by.
    ///   - random: Where jitter comes from.
    /// - Throws: A `MillraceError` of code `invalidOption` that names the option, its value and its bound.
    public convenience init(
        _ options: OTLPOptions = .init(), metrics: MetricsRegistry? = nil, observers: Observers = .standard,
        clock: any SchedulingClock = SystemClock.shared, random: RandomSource = RandomSource()
    ) throws {
        let client = OTLPClient(url: try options.validated(), headers: options.headers, timeout: options.timeout)
        try self.init(
            options, metrics: metrics, observers: observers, clock: clock, random: random,
            post: { try await client.post($0) }, close: { client.close() })
    }

    init(
        _ options: OTLPOptions, metrics: MetricsRegistry?, observers: Observers, clock: any SchedulingClock,
        random: RandomSource, post: @escaping @Sendable (Data) async throws -> OTLPReply,
        close: @escaping @Sendable () -> Void = {}
    ) throws {
        _ = try options.validated()
        self.options = options
        self.observers = observers
        self.clock = clock
        self.random = random
        self.post = post
        self.close = close
        request = OTLPRequest(resource: options.completeResource)
        let metrics = metrics ?? MetricsRegistry()
        exported = try metrics.counter("millrace_spans_exported_total", help: "Spans that a collector has taken.")
        dropped = try metrics.counter("millrace_spans_dropped_total", help: "Spans that no collector has taken.")
    }

    deinit { close() }

    /// How many spans the collector has taken.
    public var exportedCount: Int { exported.value }
    /// How many spans were given up: there was no room, or the collector was away for too long or did not want them.
    public var droppedCount: Int { dropped.value }

    // MARK: Queue

    /// Takes a span, or drops it when the queue is full.
    public func export(_ span: SpanData) {
        enum Action { case nothing, send, wait }
        let action = state.withLock { state -> Action in
            guard state.queue.count < options.queueSize else {
                state.unreported += 1
                dropped.increment()
                return .nothing
            }
            state.queue.append(span)
            if state.sending != nil { return .nothing }
            if state.queue.count >= options.batchSize { return .send }
            if state.isTimed { return .nothing }
            state.isTimed = true
            return .wait
        }
        switch action {
        case .nothing: break
        case .send: state.withLock { send(&$0) }
        case .wait: setTimer()
        }
    }

    private func setTimer() {
        clock.schedule(after: options.delay) { [weak self] in
            self?.state.withLock { state in
                state.isTimed = false
                state.due = state.queue.count
                self?.send(&state)
            }
        }
    }

    /// Starts the task that sends, unless it runs. ``flush(within:)`` awaits it.
    private func send(_ state: inout State) {
        guard state.sending == nil, !state.queue.isEmpty else { return }
        state.sending = Task { await sendAll() }
    }

    /// What to send next; nil ends the task.
    private func nextBatch() -> [SpanData]? {
        var late = 0
        let (batch, setsTimer) = state.withLock { state -> ([SpanData]?, Bool) in
            if Task.isCancelled {
                late = state.queue.count
                state.queue.removeAll()
            }
            guard state.queue.count >= options.batchSize || state.due > 0 && !state.queue.isEmpty else {
                state.sending = nil
                state.due = 0
                let setsTimer = !state.queue.isEmpty && !state.isTimed
                if setsTimer { state.isTimed = true }
                return (nil, setsTimer)
            }
            let batch = Array(state.queue.prefix(options.batchSize))
            state.queue.removeFirst(batch.count)
            state.due = max(0, state.due - batch.count)
            return (batch, false)
        }
        if setsTimer { setTimer() }
        drop(late, because: Self.noTime)
        return batch
    }

    // MARK: Sending

    private func sendAll() async {
        while let batch = nextBatch() {
            await deliver(batch)
            let count = state.withLock { state in
                defer { state.unreported = 0 }
                return state.unreported
            }
            if count > 0 { report(count, "the queue of \(options.queueSize) was full") }
        }
    }

    /// Sends a batch until the collector has taken it, or will not, or has been away for too long.
    private func deliver(_ batch: [SpanData]) async {
        let body = request.body(batch)
        let start = clock.now
        var attempt = 0
        while true {
            attempt += 1
            var failure: String
            var delay = options.retry.delay(after: attempt, random: random)
            do {
                let reply = try await post(body)
                failure = reply.summary
                switch reply.verdict {
                case .accepted(let rejected, let reason):
                    exported.increment(by: batch.count - rejected)
                    return drop(min(rejected, batch.count), because: "the collector did not want them: \(reason)")
                case .refused: return drop(batch.count, because: failure)
                case .later: delay = reply.delay(at: clock.unixMilliseconds) ?? delay
                }
            } catch {
                if Task.isCancelled { return drop(batch.count, because: Self.noTime) }
                failure = "the collector can't be reached: \(error.localizedDescription)"
            }
            let gaveUp = start.duration(to: clock.now) + delay > options.giveUpAfter
            if gaveUp { drop(batch.count, because: failure) }
            do {
                // Also before the next batch, for a collector that wants to be left alone.
                try await clock.sleep(for: min(delay, Self.longestPause))
            } catch {
                if !gaveUp { drop(batch.count, because: failure) }
                return
            }
            if gaveUp { return }
        }
    }

    private static let longestPause = Duration.seconds(300)
    private static let noTime = "there was no time left to send them"

    private func drop(_ count: Int, because reason: String) {
        guard count > 0 else { return }
        dropped.increment(by: count)
        report(count, reason)
    }

    private func report(_ count: Int, _ reason: String) {
        observers.report(.warning, .spansDropped(count: count, reason: reason))
    }

    // MARK: Life

    /// Sends what is waiting, and drops what the collector has not taken when the time is up. Returns whether nothing was
    /// dropped meanwhile.
    ///
    /// - Parameter limit: How long it may take. Defaults to the options' `flushTimeout`.
    @discardableResult
    public func flush(within limit: Duration? = nil) async -> Bool {
        let before = droppedCount
        let sending = state.withLock { state in
            state.due = state.queue.count
            send(&state)
            return state.sending
        }
        guard let sending else { return true }
        let timer = clock.schedule(after: limit ?? options.flushTimeout) { sending.cancel() }
        await sending.value
        timer.cancel()
        return droppedCount == before
    }

    /// Does nothing: the first span starts it.
    public func start(_ router: Router) async throws {}

    /// Sends what is waiting. See ``flush(within:)``.
    public func stop(_ router: Router) async { await flush() }
}
