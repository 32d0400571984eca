#if SwiftMetrics
public import Metrics
public import Millrace

/// Has a service's metrics go to the bootstrapped `MetricsFactory` of swift-metrics.
///
/// ```swift
/// MetricsSystem.bootstrap(factory)
/// let metrics = SwiftMetricsReporter()
/// let router = Router(.init(plugins: [metrics])) {
///     MetricsMiddleware(in: metrics.registry)
///     Retry()
/// }
/// ```
///
/// Each series becomes one instrument, made once: a counter a `Counter`, a histogram a `Timer`, a gauge a `Gauge`. It has the name
/// that Millrace has for it, and the labels as dimensions. Counters and timers are updated as things happen. The state of handlers is
/// read and recorded at intervals while a router runs, and once more when it has ended.
///
/// One reporter serves any number of routers. Its registry can be read by others as well, ``PrometheusText`` for one.
public final class SwiftMetricsReporter: RouterPlugin {
    private struct State {
        var routers = 0
        var timer: ScheduledTimer?
    }

    /// Where the metrics are kept: for `MetricsMiddleware`, and for instruments of your own.
    public let registry: MetricsRegistry
    private let interval: Duration
    private let clock: any SchedulingClock
    private let state = Lock(State())

    /// A reporter.
    ///
    /// - Parameters:
    ///   - factory: What makes the instruments. Defaults to the one that is bootstrapped by now.
    ///   - interval: How often the state of handlers is recorded; above zero. Defaults to 10 seconds.
    ///   - maximumSeries: The most series that one metric may have; at least 1. Defaults to 10,000.
    ///   - clock: What the interval is measured by.
    public init(
        factory: any MetricsFactory = MetricsSystem.factory, every interval: Duration = .seconds(10),
        maximumSeries: Int = 10_000, clock: any SchedulingClock = SystemClock.shared
    ) {
        registry = MetricsRegistry(maximumSeries: maximumSeries, forwardingTo: SwiftMetricsForwarder(factory: factory))
        self.interval = interval
        self.clock = clock
    }

    /// Begins to record the state of handlers. Throws a ``MillraceError`` of code `invalidOption` when the interval is not above zero.
    public func start(_ router: Router) async throws {
        guard interval > .zero else {
            throw MillraceError.invalidOption("every", interval, bound: "above zero", of: "SwiftMetricsReporter")
        }
        state.withLock { state in
            state.routers += 1
            if state.routers == 1 { schedule(&state) }
        }
    }

    /// Records how the router has ended.
    public func stop(_ router: Router) async {
        state.withLock { state in
            state.routers -= 1
            guard state.routers == 0 else { return }
            state.timer?.cancel()
            state.timer = nil
        }
        registry.forwardCollected()
    }

    private func schedule(_ state: inout State) {
        state.timer = clock.schedule(after: interval) { [weak self] in self?.report() }
    }

    private func report() {
        registry.forwardCollected()
        state.withLock { state in
            if state.routers > 0 { schedule(&state) }
        }
    }
}
#else
/// Has metrics go to swift-metrics. There is no such package without the trait `SwiftMetrics`.
@available(*, unavailable, message: "name the trait 'SwiftMetrics' where your Package.swift depends on millrace")
public final class SwiftMetricsReporter {}
#endif
