/// Holds the metrics of a service: counters, gauges and histograms, and collectors that are asked when somebody reads them.
///
/// An instrument is made once, when a service starts, and kept; asking for it again gives the same one. Its updates take no lock.
///
/// ```swift
/// let charges = try metrics.counter("shop_charges_total", help: "Charges made.", labels: ["bank": "north"])
/// charges.increment()
/// ```
///
/// ``PrometheusText`` writes it in the form that Prometheus reads.
public final class MetricsRegistry: Sendable {
    /// The most series that a metric may have. What is asked for beyond that shares one series, with the label
    /// `otel_metric_overflow="true"`, so that labels from outside can't use up the memory.
    public let maximumSeries: Int

    private struct State {
        var families: [String: InstrumentFamily] = [:]
        var collectors: [(id: Int, collect: @Sendable (inout MetricSamples) -> Void)] = []
        var nextID = 0
        weak var transportMeter: TransportMeter?
    }

    private let state = Lock(State())
    private let forwarder: (any MetricsForwarder)?
    private let collected: CollectedForwards?

    /// An empty registry.
    ///
    /// - Parameters:
    ///   - maximumSeries: The most series that one metric may have; at least 1. Defaults to 10,000.
    ///   - forwarder: Is told of all that is counted and measured, besides; nil, the default, for nobody.
    public init(maximumSeries: Int = 10_000, forwardingTo forwarder: (any MetricsForwarder)? = nil) {
        self.maximumSeries = max(1, maximumSeries)
        self.forwarder = forwarder
        collected = forwarder.map { CollectedForwards($0) }
    }

    // MARK: Instruments

    /// A counter: the one that was made for the name and labels before, or a new one.
    ///
    /// - Parameters:
    ///   - name: The name by the rules of Prometheus, by custom with `_total` at its end.
    ///   - help: What is counted. That of the first series counts.
    ///   - labels: What tells the series from others; all series of a name have the same label names.
    /// - Throws: A ``MillraceError`` of code `invalidOption` for names that are not valid, and for a name that is taken by
    ///   another kind of metric or has other label names.
    public func counter(_ name: String, help: String, labels: MetricLabels = [:]) throws -> MetricCounter {
        let instrument = try instrument(name, help, .counter, [], labels) { [forwarder] labels in
            .counter(MetricCounter(forwardingTo: forwarder?.counter(name, labels: labels)))
        }
        if case .counter(let counter) = instrument { return counter }
        throw Self.wrongKind(name)
    }

    /// A gauge: the one that was made for the name and labels before, or a new one. See ``counter(_:help:labels:)``.
    public func gauge(_ name: String, help: String, labels: MetricLabels = [:]) throws -> MetricGauge {
        let instrument = try instrument(name, help, .gauge, [], labels) { [forwarder] labels in
            .gauge(MetricGauge(forwardingTo: forwarder?.gauge(name, labels: labels)))
        }
        if case .gauge(let gauge) = instrument { return gauge }
        throw Self.wrongKind(name)
    }

    /// A histogram of durations: the one that was made for the name and labels before, or a new one. See
    /// ``counter(_:help:labels:)``.
    ///
    /// - Parameters:
    ///   - name: The name, by custom with `_seconds` at its end.
    ///   - help: What is measured.
    ///   - buckets: The upper bounds of the buckets, rising; one without a bound is added. The same for all series of a name.
    ///   - labels: What tells the series from others; `le` is taken.
    public func histogram(
        _ name: String, help: String, buckets: [Duration] = MetricHistogram.defaultBuckets, labels: MetricLabels = [:]
    ) throws -> MetricHistogram {
        let bounds = try MetricHistogram.bounds(of: buckets, for: name)
        let instrument = try instrument(name, help, .histogram, bounds, labels) { [forwarder] labels in
            .histogram(MetricHistogram(bounds: bounds, forwardingTo: forwarder?.histogram(name, labels: labels)))
        }
        if case .histogram(let histogram) = instrument { return histogram }
        throw Self.wrongKind(name)
    }

    private func instrument(
        _ name: String, _ help: String, _ kind: MetricKind, _ bounds: [Int64], _ labels: MetricLabels,
        make: (MetricLabels) -> Instrument
    ) throws -> Instrument {
        try state.withLock { state in
            if state.families[name] == nil {
                try MetricName.check(name, labels.names, of: kind)
                try Self.checkSuffixes(name, kind, beside: state.families)
                state.families[name] = InstrumentFamily(
                    name: name, help: help, kind: kind, bounds: bounds, labelNames: labels.names)
            }
            guard let family = state.families[name] else { throw Self.wrongKind(name) }
            let values = try family.check(kind, bounds, labels)
            if let known = family.series[values] { return known }
            let instrument: Instrument
            if family.order.count >= maximumSeries {
                instrument = family.overflow ?? make(InstrumentFamily.overflowLabels)
                state.families[name]?.overflow = instrument
            } else {
                instrument = make(labels)
                state.families[name]?.order.append(values)
                state.families[name]?.series[values] = instrument
            }
            return instrument
        }
    }

    /// A histogram's name takes three more.
    private static func checkSuffixes(
        _ name: String, _ kind: MetricKind, beside families: [String: InstrumentFamily]
    ) throws {
        for suffix in MetricName.suffixes {
            let base = name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : nil
            let clashes =
                base.map { families[$0]?.kind == .histogram } ?? false
                || kind == .histogram && families[name + suffix] != nil
            guard !clashes else {
                throw MillraceError.invalidOption(
                    "name", name, bound: "different from what a histogram writes as its '\(suffix)'", of: "metric")
            }
        }
    }

    private static func wrongKind(_ name: String) -> MillraceError {
        .invalidOption("name", name, bound: "that of no other kind of metric", of: "metric")
    }

    /// What counts the events of transports, the same for all who have it.
    var transportMeter: TransportMeter {
        state.withLock { state in
            if let meter = state.transportMeter { return meter }
            let meter = TransportMeter(self)
            state.transportMeter = meter
            return meter
        }
    }

    // MARK: Collectors

    /// Has `collect` asked whenever somebody reads the metrics, for values that are kept elsewhere.
    ///
    /// It is called on the reader's thread and should not block.
    @discardableResult
    public func onCollect(_ collect: @escaping @Sendable (inout MetricSamples) -> Void) -> MetricsCollector {
        let id = state.withLock { state in
            state.nextID += 1
            state.collectors.append((state.nextID, collect))
            return state.nextID
        }
        return MetricsCollector { [weak self] in
            self?.state.withLock { state in state.collectors.removeAll { $0.id == id } }
        }
    }

    /// All metrics as they are now, by name.
    public func collect() -> [MetricFamily] {
        let (collected, families) = askCollectors()
        return (families.values.map(\.snapshot) + collected).sorted { $0.name < $1.name }
    }

    /// Asks the collectors, and passes what they state on to where the registry forwards to; does nothing where it does not.
    ///
    /// What instruments count is forwarded as it happens. What collectors know, nobody hears of until they are asked: whoever
    /// forwards has to call this at intervals.
    public func forwardCollected() {
        guard let collected else { return }
        for family in askCollectors().collected { collected.forward(family) }
    }

    /// What the collectors state, without the names that instruments have, and the instruments.
    private func askCollectors() -> (collected: [MetricFamily], families: [String: InstrumentFamily]) {
        let collectors = state.withLock { $0.collectors }
        var samples = MetricSamples()
        // Outside of the lock: a collector may ask for instruments.
        for collector in collectors { collector.collect(&samples) }
        let families = state.withLock { $0.families }
        var collected: [MetricFamily] = []
        for (name, family) in samples.families where families[name] == nil {
            let values = family.order.prefix(maximumSeries).map { labels in
                MetricSample(labels: labels, value: .number(family.values[labels] ?? 0))
            }
            collected.append(MetricFamily(name: name, help: family.help, kind: family.kind, samples: values))
        }
        return (collected, families)
    }
}

/// A collector that was added to a registry.
public struct MetricsCollector: Sendable {
    private let action: @Sendable () -> Void

    init(remove action: @escaping @Sendable () -> Void) { self.action = action }

    /// Has it asked no more. Calling it again does nothing.
    public func remove() { action() }
}
