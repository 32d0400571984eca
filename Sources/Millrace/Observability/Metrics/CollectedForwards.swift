/// Passes on what collectors state, with one forward for each series, however often they are asked.
final class CollectedForwards: Sendable {
    private struct Series: Hashable {
        let name: String
        let labels: MetricLabels
    }

    private struct State {
        var gauges: [Series: @Sendable (Double) -> Void] = [:]
        /// With what was forwarded so far: a forward takes what was added.
        var counters: [Series: (forward: @Sendable (Int) -> Void, total: Int)] = [:]
    }

    private let forwarder: any MetricsForwarder
    private let state = Lock(State())

    init(_ forwarder: any MetricsForwarder) { self.forwarder = forwarder }

    /// Passes on the values of a metric.
    func forward(_ family: MetricFamily) {
        for sample in family.samples {
            guard case .number(let value) = sample.value else { continue }
            let series = Series(name: family.name, labels: sample.labels)
            if family.kind == .counter { add(value, to: series) } else { gauge(series)(value) }
        }
    }

    private func gauge(_ series: Series) -> @Sendable (Double) -> Void {
        state.withLock { state in
            if let known = state.gauges[series] { return known }
            let made = forwarder.gauge(series.name, labels: series.labels)
            state.gauges[series] = made
            return made
        }
    }

    private func add(_ value: Double, to series: Series) {
        // What is no number, or too large for one, is not counted.
        guard let total = Int(exactly: value.rounded(.down)) else { return }
        let (forward, added) = state.withLock { state in
            var counter = state.counters[series] ?? (forwarder.counter(series.name, labels: series.labels), 0)
            let added = total - counter.total
            // A counter that has become less has begun anew.
            counter.total = total
            state.counters[series] = counter
            return (counter.forward, added < 0 ? total : added)
        }
        if added > 0 { forward(added) }
    }
}
