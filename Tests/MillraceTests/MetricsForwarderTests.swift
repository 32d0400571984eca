import MillraceTesting
import Testing

@testable import Millrace

@Suite struct MetricsForwarderTests {
    /// Keeps what it is told, and how often it was asked for a series.
    private final class Journal: MetricsForwarder {
        private let lines = Lock<[String]>([])

        private func note(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }

        func counter(_ name: String, labels: MetricLabels) -> @Sendable (Int) -> Void {
            note("new \(name) \(labels.pairs.map(\.value))")
            return { [weak self] in self?.note("\(name) +\($0)") }
        }

        func gauge(_ name: String, labels: MetricLabels) -> @Sendable (Double) -> Void {
            note("new \(name) \(labels.pairs.map(\.value))")
            return { [weak self] in self?.note("\(name) =\($0)") }
        }

        func histogram(_ name: String, labels: MetricLabels) -> @Sendable (Int64, Int) -> Void {
            note("new \(name) \(labels.pairs.map(\.value))")
            return { [weak self] in self?.note("\(name) \($0) x\($1)") }
        }
    }

    @Test("Each series is made known once, and each update passed on")
    func updatesAreForwarded() throws {
        let journal = Journal()
        let metrics = MetricsRegistry(maximumSeries: 1, forwardingTo: journal)
        for _ in 1...2 { try metrics.counter("a_total", help: "A.", labels: ["x": "1"]).increment(by: 2) }
        // One series too many has a place of its own, for all of them.
        for value in ["2", "3"] { try metrics.counter("a_total", help: "A.", labels: ["x": value]).increment() }
        let gauge = try metrics.gauge("g", help: "G.")
        gauge.set(3)
        gauge.add(-1)
        let histogram = try metrics.histogram("h", help: "H.")
        histogram.record(.nanoseconds(5), count: 2)
        histogram.record(.nanoseconds(-5))
        #expect(
            journal.all == [
                "new a_total [\"1\"]", "a_total +2", "a_total +2", "new a_total [\"true\"]", "a_total +1", "a_total +1",
                "new g []",
                "g =3.0", "g =2.0", "new h []", "h 5 x2", "h 0 x1",
            ])
    }

    @Test("What collectors state is passed on when somebody asks for it, counters by what was added")
    func collectedIsForwarded() {
        let journal = Journal()
        let metrics = MetricsRegistry(forwardingTo: journal)
        let totals = Lock([3.0, 3, 5, 1, .nan])
        metrics.onCollect { samples in
            samples.counter("lines_total", help: "L.", totals.withLock { $0.removeFirst() })
            samples.gauge("waiting", help: "W.", 4)
        }
        #expect(journal.all.isEmpty)
        for _ in 1...5 { metrics.forwardCollected() }
        let counted = journal.all.filter { $0.contains("lines_total") }
        #expect(counted == ["new lines_total []", "lines_total +3", "lines_total +2", "lines_total +1"])
        let gauged = journal.all.filter { $0.contains("waiting") }
        #expect(gauged == ["new waiting []"] + Array(repeating: "waiting =4.0", count: 5))
    }
}
