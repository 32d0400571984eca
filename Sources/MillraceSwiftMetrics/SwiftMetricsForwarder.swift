#if SwiftMetrics
import Metrics
import Millrace

/// Makes an instrument of swift-metrics for each series of a registry, with the same name and the labels as dimensions.
struct SwiftMetricsForwarder: MetricsForwarder {
    let factory: any MetricsFactory

    func counter(_ name: String, labels: MetricLabels) -> @Sendable (Int) -> Void {
        let counter = Counter(label: name, dimensions: labels.dimensions, factory: factory)
        return { counter.increment(by: $0) }
    }

    func gauge(_ name: String, labels: MetricLabels) -> @Sendable (Double) -> Void {
        let gauge = Gauge(label: name, dimensions: labels.dimensions, factory: factory)
        return { gauge.record($0) }
    }

    func histogram(_ name: String, labels: MetricLabels) -> @Sendable (Int64, Int) -> Void {
        let timer = Timer(label: name, dimensions: labels.dimensions, factory: factory)
        // A timer takes one duration at a time.
        return { nanoseconds, count in
            for _ in 0..<count { timer.recordNanoseconds(nanoseconds) }
        }
    }
}

extension MetricLabels {
    /// As swift-metrics has them. Empty ones are kept, so that all series of a name have the same dimensions.
    fileprivate var dimensions: [(String, String)] { pairs.map { ($0.name, $0.value) } }
}
#endif
