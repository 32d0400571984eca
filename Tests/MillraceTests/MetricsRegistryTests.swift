import Testing

@testable import Millrace
import TestSupport

@Suite struct MetricsRegistryTests {
    @Test("Asking again for a name with the same labels, in any order, gives the same instrument")
    func instrumentsAreMadeOnce() throws {
        let metrics = MetricsRegistry()
        let first = try metrics.counter("a_total", help: "A.", labels: ["x": "1", "y": "2"])
        let second = try metrics.counter("a_total", help: "Other.", labels: ["y": "2", "x": "1"])
        #expect(first === second)
        #expect(try metrics.counter("a_total", help: "A.", labels: ["x": "2", "y": "2"]) !== first)
        #expect(try metrics.gauge("g", help: "G.") === metrics.gauge("g", help: "G."))
        #expect(try metrics.histogram("h", help: "H.") === metrics.histogram("h", help: "H."))
    }

    @Test("A name that is taken by another metric is refused, with what differs")
    func clashesAreRefused() throws {
        let metrics = MetricsRegistry()
        _ = try metrics.counter("a_total", help: "A.", labels: ["x": "1"])
        _ = try metrics.histogram("h", help: "H.", buckets: [.seconds(1)])
        expectInvalid("kind is gauge, it must be counter") { _ = try metrics.gauge("a_total", help: "", labels: ["x": "1"]) }
        expectInvalid("labels is [\"y\"], it must be [\"x\"]") {
            _ = try metrics.counter("a_total", help: "", labels: ["y": "1"])
        }
        expectInvalid("labels is []") { _ = try metrics.counter("a_total", help: "") }
        expectInvalid("buckets is [2.0], it must be [1.0]") {
            _ = try metrics.histogram("h", help: "", buckets: [.seconds(2)])
        }
        expectInvalid("name is h_count") { _ = try metrics.counter("h_count", help: "") }
        _ = try metrics.counter("z_sum", help: "")
        expectInvalid("name is z") { _ = try metrics.histogram("z", help: "") }
    }

    @Test("Names and labels follow the rules of Prometheus", arguments: ["", "1a", "a-b", "a b", "ä", "a\n"])
    func namesAreChecked(_ name: String) {
        let metrics = MetricsRegistry()
        expectInvalid("name is \(name.debugDescription)") { _ = try metrics.counter(name, help: "") }
        expectInvalid("label is \(name.debugDescription)") {
            _ = try metrics.counter("a", help: "", labels: MetricLabels([.init(name, "v")]))
        }
        #expect(metrics.collect().isEmpty)
    }

    @Test("Labels that can't work are refused")
    func labelsAreChecked() {
        let metrics = MetricsRegistry()
        expectInvalid("label is \"__x\"") { _ = try metrics.gauge("a", help: "", labels: ["__x": "1"]) }
        expectInvalid("label is \"a:b\"") { _ = try metrics.gauge("a", help: "", labels: ["a:b": "1"]) }
        expectInvalid("label is x, it must be given once") {
            _ = try metrics.gauge("a", help: "", labels: ["x": "1", "x": "2"])
        }
        expectInvalid("label is le") { _ = try metrics.histogram("a", help: "", labels: ["le": "1"]) }
    }

    @Test(
        "Buckets rise from above zero",
        arguments: [[], [.zero], [.seconds(2), .seconds(1)], [.seconds(1), .seconds(1)]] as [[Duration]])
    func bucketsAreChecked(_ buckets: [Duration]) {
        expectInvalid("buckets") { _ = try MetricsRegistry().histogram("a", help: "", buckets: buckets) }
    }

    @Test("A value on a bound belongs to the bucket below it; many equal values are recorded at once")
    func histogramsCount() throws {
        let metrics = MetricsRegistry()
        let histogram = try metrics.histogram("a", help: "", buckets: [.milliseconds(10), .seconds(1)])
        histogram.record(.milliseconds(10))
        histogram.record(.nanoseconds(10_000_001), count: 2)
        histogram.record(.seconds(2), count: 4)
        histogram.record(.seconds(-1))
        histogram.record(.seconds(1), count: 0)
        let found = histogram.distribution
        #expect(found.buckets.map(\.count) == [2, 4, 8])
        #expect(found.buckets.map(\.upTo) == [0.01, 1, .infinity])
        #expect(found.count == 8)
        #expect(abs(found.sum - 8.030000002) < 1e-9)
    }

    @Test("Counters only rise, and nothing traps at the end of their range")
    func countersOnlyRise() throws {
        let metrics = MetricsRegistry()
        let counter = try metrics.counter("a", help: "")
        counter.increment()
        counter.increment(by: -5)
        #expect(counter.value == 1)
        counter.increment(by: .max)
        try metrics.histogram("h", help: "").record(nanoseconds: .max, count: .max)
        let gauge = try metrics.gauge("g", help: "")
        gauge.set(2.5)
        gauge.add(-4)
        #expect(gauge.value == -1.5)
    }

    @Test("What tasks add at the same time is all counted")
    func updatesAreNotLost() async throws {
        let metrics = MetricsRegistry()
        let counter = try metrics.counter("a", help: "")
        let gauge = try metrics.gauge("g", help: "")
        let histogram = try metrics.histogram("h", help: "")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<1_000 {
                        counter.increment()
                        gauge.add(1)
                        histogram.record(.milliseconds(1))
                    }
                }
            }
        }
        #expect(counter.value == 4_000)
        #expect(gauge.value == 4_000)
        #expect(histogram.distribution.count == 4_000)
    }

    @Test("Series beyond the limit share one")
    func seriesAreBounded() throws {
        let metrics = MetricsRegistry(maximumSeries: 2)
        for index in 0..<5 { try metrics.counter("a", help: "", labels: ["x": "\(index)"]).increment() }
        let samples = try #require(metrics.collect().first).samples
        #expect(samples.map(\.labels) == [["x": "0"], ["x": "1"], ["otel_metric_overflow": "true"]])
        #expect(samples.map(\.value) == [.number(1), .number(1), .number(3)])
    }

    @Test("Collectors are asked when the metrics are read, until they are removed")
    func collectors() throws {
        let metrics = MetricsRegistry()
        _ = try metrics.counter("taken", help: "")
        let calls = Box(0)
        let collector = metrics.onCollect { samples in
            let count = calls.update {
                $0 += 1; return $0
            }
            samples.gauge("a", help: "A.", labels: ["x": "1"], 1)
            samples.gauge("a", help: "A.", labels: ["x": "1"], 2)
            samples.counter("a", help: "", labels: ["x": "2"], 3)
            samples.gauge("a", help: "", labels: ["y": "2"], 3)
            samples.gauge("not valid", help: "", 3)
            samples.gauge("taken", help: "", 3)
            samples.counter("calls_total", help: "", Double(count))
        }
        #expect(calls.value == 0)
        let families = metrics.collect()
        #expect(families.map(\.name) == ["a", "calls_total", "taken"])
        #expect(families[0].samples.map(\.value) == [.number(2)])
        #expect(families[2].kind == .counter)
        collector.remove()
        collector.remove()
        #expect(metrics.collect().map(\.name) == ["taken"])
        #expect(calls.value == 1)
    }

    @Test("The text follows the exposition format")
    func text() throws {
        let metrics = MetricsRegistry()
        try metrics.counter("b_total", help: "Back\\slash,\nline \"break\".", labels: ["x": "q\"\\\n"]).increment(by: 3)
        try metrics.gauge("a", help: "A.").set(.infinity)
        let histogram = try metrics.histogram(
            "c_seconds", help: "C.", buckets: [.microseconds(10), .seconds(1)], labels: ["x": ""])
        histogram.record(.milliseconds(1))
        histogram.record(.seconds(2))
        #expect(
            PrometheusText.text(of: metrics) == #"""
                # HELP a A.
                # TYPE a gauge
                a +Inf
                # HELP b_total Back\\slash,\nline "break".
                # TYPE b_total counter
                b_total{x="q\"\\\n"} 3
                # HELP c_seconds C.
                # TYPE c_seconds histogram
                c_seconds_bucket{x="",le="1e-05"} 0
                c_seconds_bucket{x="",le="1"} 1
                c_seconds_bucket{x="",le="+Inf"} 2
                c_seconds_sum{x=""} 2.001
                c_seconds_count{x=""} 2

                """#)
    }

    @Test(
        "Numbers are written as Go reads them",
        arguments: [
            (0.0, "0"), (-1.5, "-1.5"), (1e16, "1e+16"), (.nan, "NaN"), (-.infinity, "-Inf"), (1e-300, "1e-300"),
            (123_456_789, "123456789"),
        ])
    func numbers(_ value: Double, _ text: String) {
        #expect(PrometheusText.number(value) == text)
    }

    private func expectInvalid(_ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        } catch let error as MillraceError {
            #expect(error.code == .invalidOption, sourceLocation: sourceLocation)
            #expect(error.message.contains(text), "\(error.message)", sourceLocation: sourceLocation)
        } catch {
            Issue.record(error, sourceLocation: sourceLocation)
        }
    }
}
