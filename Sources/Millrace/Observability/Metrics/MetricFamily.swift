/// What a metric counts, and how.
public enum MetricKind: String, Sendable, Codable {
    /// A number that only rises.
    case counter
    /// A number that rises and falls.
    case gauge
    /// Durations, counted by size.
    case histogram
}

/// A metric with all of its series, as they are at one moment.
public struct MetricFamily: Sendable {
    /// The name, in the form of Prometheus.
    public let name: String
    /// What it counts, for people.
    public let help: String
    /// How it counts.
    public let kind: MetricKind
    /// The series.
    public let samples: [MetricSample]
}

/// One series of a metric at one moment.
public struct MetricSample: Sendable {
    /// What tells the series from others.
    public let labels: MetricLabels
    /// What it has come to.
    public let value: Value

    /// The value of a series.
    public enum Value: Sendable, Equatable {
        /// That of a counter or gauge.
        case number(Double)
        /// That of a histogram.
        case distribution(MetricDistribution)
    }
}

/// What a histogram has recorded.
public struct MetricDistribution: Sendable, Equatable {
    /// How many values there were up to a bound.
    public struct Bucket: Sendable, Equatable {
        /// The bound in seconds; infinite for the last bucket.
        public let upTo: Double
        /// How many values were at most that.
        public let count: Int

        init(upTo: Double, count: Int) {
            self.upTo = upTo
            self.count = count
        }
    }

    /// The buckets, by rising bounds; each counts what the ones before it count, and more.
    public let buckets: [Bucket]
    /// All values together, in seconds.
    public let sum: Double
    /// How many values there were.
    public var count: Int { buckets.last?.count ?? 0 }
}
