/// Writes metrics in the text exposition format of Prometheus, version 0.0.4.
public enum PrometheusText {
    /// The media type of the text.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// All metrics of a registry, as they are now.
    public static func text(of registry: MetricsRegistry) -> String { text(of: registry.collect()) }

    /// The given metrics. Those without a series are left out.
    public static func text(of families: [MetricFamily]) -> String {
        var text = ""
        for family in families where !family.samples.isEmpty {
            text += "# HELP \(family.name) \(escaped(family.help, quotes: false))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { write(sample, of: family.name, into: &text) }
        }
        return text
    }

    private static func write(_ sample: MetricSample, of name: String, into text: inout String) {
        let labels = sample.labels.pairs.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
        func line(_ suffix: String, _ labels: [String], _ value: String) {
            text += name
            text += suffix
            if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
            text += " \(value)\n"
        }
        switch sample.value {
        case .number(let value): line("", labels, number(value))
        case .distribution(let distribution):
            for bucket in distribution.buckets {
                line("_bucket", labels + ["le=\"\(number(bucket.upTo))\""], "\(bucket.count)")
            }
            line("_sum", labels, number(distribution.sum))
            line("_count", labels, "\(distribution.count)")
        }
    }

    /// A number as Go's `ParseFloat` reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
