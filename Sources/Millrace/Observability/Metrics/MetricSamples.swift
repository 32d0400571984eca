/// Takes what a collector finds out when the metrics are asked for.
public struct MetricSamples {
    /// What belongs to one name.
    struct Family {
        let help: String
        let kind: MetricKind
        let labelNames: [String]
        var order: [MetricLabels] = []
        var values: [MetricLabels: Double] = [:]
    }

    private(set) var families: [String: Family] = [:]

    /// States the value of a gauge.
    ///
    /// Left out when the name or the labels are not valid, or when they do not fit what else has the name. A second value for the
    /// same labels replaces the first.
    public mutating func gauge(_ name: String, help: String, labels: MetricLabels = [:], _ value: Double) {
        add(name, help, .gauge, labels, value)
    }

    /// States the value of a counter that is kept elsewhere. See ``gauge(_:help:labels:_:)``.
    public mutating func counter(_ name: String, help: String, labels: MetricLabels = [:], _ value: Double) {
        add(name, help, .counter, labels, value)
    }

    private mutating func add(
        _ name: String, _ help: String, _ kind: MetricKind, _ labels: MetricLabels, _ value: Double
    ) {
        if families[name] == nil {
            guard (try? MetricName.check(name, labels.names, of: kind)) != nil else { return }
            families[name] = Family(help: help, kind: kind, labelNames: labels.names)
        }
        guard let family = families[name], family.kind == kind, let values = labels.values(for: family.labelNames)
        else { return }
        let key = MetricLabels(zip(family.labelNames, values).map { .init($0, $1) })
        if families[name]?.values.updateValue(value, forKey: key) == nil { families[name]?.order.append(key) }
    }
}
