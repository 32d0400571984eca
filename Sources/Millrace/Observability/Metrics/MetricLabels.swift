/// Names and values that tell the series of a metric apart.
///
/// All series of a metric have the same names; a value that does not apply is empty, which Prometheus takes for absent.
public struct MetricLabels: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// The names and values, in the order given.
    public let pairs: [Pair]

    /// One label.
    public struct Pair: Sendable, Hashable {
        /// The name: a letter or `_`, then letters, digits and `_`; not two `_` at its beginning.
        public let name: String
        /// The value: any text.
        public let value: String

        /// A label.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Labels from pairs.
    public init(_ pairs: [Pair] = []) { self.pairs = pairs }

    /// Labels from a literal: `["topic": "orders"]`.
    public init(dictionaryLiteral elements: (String, String)...) { pairs = elements.map { Pair($0.0, $0.1) } }

    /// The value of a label; nil if there is no label of that name.
    public subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// These labels and then those of `other`.
    public func adding(_ other: MetricLabels) -> MetricLabels { MetricLabels(pairs + other.pairs) }

    var names: [String] { pairs.map(\.name) }

    /// The values in the order of `names`; nil when the labels have other names.
    func values(for names: [String]) -> [String]? {
        guard pairs.count == names.count else { return nil }
        var values: [String] = []
        for name in names {
            guard let value = self[name] else { return nil }
            values.append(value)
        }
        return values
    }
}
