internal import Millrace

/// The runs of a scenario with one size of message.
struct BenchRow: Sendable, Codable {
    let scenario: String
    let size: Int
    let messages: Int
    let runs: [Measurement]
    /// The most memory that this process had during them.
    let peakMiB: Double
    /// The most memory that the broker has had so far, if its process is known.
    let brokerPeakMiB: Double?

    /// The median, and the lowest and highest of the counted runs.
    struct Spread: Sendable, Codable {
        let median: Double
        let lowest: Double
        let highest: Double

        init?(_ values: [Double]) {
            let sorted = values.sorted()
            guard let first = sorted.first, let last = sorted.last else { return nil }
            let middle = sorted.count / 2
            median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
            lowest = first
            highest = last
        }
    }

    /// Messages a second.
    var rate: Spread? { Spread(runs.map(\.rate)) }
    /// Processor time of this process for a message, in microseconds.
    var cpu: Spread? { Spread(runs.map { $0.cpuSeconds / Double($0.messages) * 1e6 }) }
    /// That of the broker.
    var brokerCPU: Spread? { Spread(runs.compactMap { run in run.brokerCPUSeconds.map { $0 / Double(run.messages) * 1e6 } }) }
    /// The first thing that was wrong.
    var complaint: String? { runs.lazy.compactMap(\.complaint).first }

    // MARK: Text

    static let header =
        "scenario".padded(to: 18) + "bytes".indented(to: 6) + "messages/s".indented(to: 12) + "  "
        + "[lowest - highest]".padded(to: 24)
        + "CPU us".indented(to: 7) + "broker".indented(to: 8) + "MiB".indented(to: 9) + "  check"

    /// That of this process, and that of the broker if it is known.
    private var memory: String { peakMiB.text(0) + (brokerPeakMiB.map { "/\($0.text(0))" } ?? "") }

    var text: String {
        guard let rate, let cpu else { return scenario }
        let spread = "[\(Self.grouped(rate.lowest)) - \(Self.grouped(rate.highest))]"
        var line =
            scenario.padded(to: 18) + "\(size)".indented(to: 6) + Self.grouped(rate.median).indented(to: 12) + "  "
            + spread.padded(to: 24) + cpu.median.text(2).indented(to: 7)
            + (brokerCPU?.median.text(2) ?? "-").indented(to: 8) + memory.indented(to: 9) + "  " + (complaint ?? "ok")
        let latencies = runs.compactMap(\.latency)
        if let p50 = Spread(latencies.map(\.p50)), let p99 = Spread(latencies.map(\.p99)),
            let highest = Spread(latencies.map(\.highest))
        {
            line +=
                "\n" + "".padded(to: 18)
                + "latency us: p50 \(p50.median.text(0)) [\(p50.lowest.text(0)) - \(p50.highest.text(0))]"
                + ", p99 \(p99.median.text(0)) [\(p99.lowest.text(0)) - \(p99.highest.text(0))], highest \(highest.highest.text(0))"
        }
        return line
    }

    /// A whole number with commas between thousands.
    static func grouped(_ value: Double) -> String {
        let digits = Array("\(Int(value.rounded()))")
        return String(
            digits.enumerated().flatMap { index, digit in
                index > 0 && (digits.count - index) % 3 == 0 ? [",", digit] : [digit]
            })
    }
}

extension Double {
    /// The number with so many digits after the point.
    func text(_ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((self * scale).rounded())
        guard digits > 0 else { return "\(scaled)" }
        let fraction = "\(abs(scaled) % Int(scale))"
        return "\(scaled < 0 ? "-" : "")\(abs(scaled) / Int(scale))." + String(repeating: "0", count: digits - fraction.count)
            + fraction
    }
}
