/// An instrument of any kind.
enum Instrument: Sendable {
    case counter(MetricCounter)
    case gauge(MetricGauge)
    case histogram(MetricHistogram)

    var value: MetricSample.Value {
        switch self {
        case .counter(let counter): .number(Double(counter.value))
        case .gauge(let gauge): .number(gauge.value)
        case .histogram(let histogram): .distribution(histogram.distribution)
        }
    }
}

/// The instruments of one name.
struct InstrumentFamily: Sendable {
    let name: String
    let help: String
    let kind: MetricKind
    let bounds: [Int64]
    let labelNames: [String]
    /// The values of the labels, in the order in which the series were made.
    var order: [[String]] = []
    var series: [[String]: Instrument] = [:]
    /// What the series is labelled with that is shared by all that were one too many.
    static let overflowLabels: MetricLabels = ["otel_metric_overflow": "true"]
    /// That series.
    var overflow: Instrument?

    /// The labels' values in the family's order. Throws a ``MillraceError`` of code `invalidOption` when somebody means another
    /// metric by the name.
    func check(_ kind: MetricKind, _ bounds: [Int64], _ labels: MetricLabels) throws -> [String] {
        guard kind == self.kind else {
            throw MillraceError.invalidOption(
                "kind", kind.rawValue, bound: "\(self.kind.rawValue), as it was before", of: "metric '\(name)'")
        }
        guard let values = labels.values(for: labelNames) else {
            throw MillraceError.invalidOption(
                "labels", labels.names, bound: "\(labelNames), as they were before", of: "metric '\(name)'")
        }
        guard bounds == self.bounds else {
            throw MillraceError.invalidOption(
                "buckets", bounds.map { Double($0) / 1e9 },
                bound: "\(self.bounds.map { Double($0) / 1e9 }), as they were before", of: "metric '\(name)'")
        }
        return values
    }

    var snapshot: MetricFamily {
        var samples = order.compactMap { values in
            series[values].map { instrument in
                MetricSample(
                    labels: MetricLabels(zip(labelNames, values).map { .init($0, $1) }), value: instrument.value)
            }
        }
        if let overflow {
            samples.append(MetricSample(labels: Self.overflowLabels, value: overflow.value))
        }
        return MetricFamily(name: name, help: help, kind: kind, samples: samples)
    }
}
