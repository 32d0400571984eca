@testable import Millrace

extension MetricsRegistry {
    /// The samples of a metric that have all of the given labels.
    func samples(of name: String, _ labels: MetricLabels = [:]) -> [MetricSample] {
        let samples = collect().first { $0.name == name }?.samples ?? []
        return samples.filter { sample in labels.pairs.allSatisfy { sample.labels[$0.name] == $0.value } }
    }

    /// The sum of the counters or gauges that have all of the given labels; nil if there are none.
    func number(_ name: String, _ labels: MetricLabels = [:]) -> Double? {
        let values = samples(of: name, labels).compactMap { if case .number(let number) = $0.value { number } else { nil } }
        return values.isEmpty ? nil : values.reduce(0, +)
    }

    /// The first histogram that has all of the given labels.
    func distribution(_ name: String, _ labels: MetricLabels = [:]) -> MetricDistribution? {
        samples(of: name, labels).lazy.compactMap { if case .distribution(let found) = $0.value { found } else { nil } }.first
    }
}
