internal import Millrace

/// A chart is drawn of numbers that can be drawn.
private let bound = 1e12

extension ChartFile<BenchReport> {
    /// Throws `invalidConfiguration` for figures that no run can have had, and for a name that can't be that of a file.
    func check() throws {
        let name = content.system
        guard !name.isEmpty, name.utf8.count <= 64, name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
        else { throw complaint("system is '\(name)', it must be 1 to 64 letters, digits and '-'") }
        guard 0...Int(bound) ~= content.rate else { throw complaint("rate is \(content.rate), it must be 0 to \(Int(bound))") }
        for (index, row) in content.rows.enumerated() {
            for time in row.latencyMicroseconds.flatMap({ [$0.p50, $0.p99, $0.highest] }) where !(0...bound ~= time) {
                throw complaint("rows[\(index)].latencyMicroseconds has \(time), it must be 0 to \(bound)")
            }
            guard let rate = row.messagesPerSecond else { continue }
            let values = [0, rate.lowest, rate.median, rate.highest, bound]
            guard zip(values, values.dropFirst()).allSatisfy({ $0 <= $1 }) else {
                throw complaint(
                    "rows[\(index)].messagesPerSecond is \(rate.lowest), \(rate.median), \(rate.highest): it must be 0 or more, "
                        + "at most \(bound), and lowest, median and highest in this order")
            }
        }
        guard content.rows.contains(where: \.isCharted) else { throw complaint("rows has none with messages per second") }
    }
}

extension ChartFile<BenchLimits> {
    /// Throws `invalidConfiguration` for limits that nothing can have.
    func check() throws {
        for (index, limit) in content.limits.enumerated() {
            guard !limit.rates.isEmpty else { throw complaint("limits[\(index)].rates is empty") }
            if let rate = limit.rates.first(where: { !($0 > 0 && $0 <= bound) }) {
                throw complaint("limits[\(index)].rates has \(rate), it must be more than 0 and at most \(bound)")
            }
        }
    }
}

extension BenchReport.Row {
    /// Whether its rate is a result, and not what was asked for.
    var isCharted: Bool { messagesPerSecond != nil && latencyMicroseconds.isEmpty }
}
