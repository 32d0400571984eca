import Foundation
import Millrace
import Testing

@testable import MillraceTool

/// Reports become charts, and charts become SVG.
@Suite struct ChartTests {
    // MARK: Scale

    @Test(arguments: [
        (0.0, 0.2, 1.0), (1, 0.2, 1), (7, 2, 8), (10, 2, 10), (99, 20, 100), (101, 20, 120), (523_000, 100_000, 600_000),
        (13_400_000, 5_000_000, 15_000_000), (1e12, 2e11, 1e12), (121, 50, 150),
    ]) func aScaleHasNiceTicks(_ highest: Double, _ step: Double, _ maximum: Double) {
        let scale = ChartScale(upTo: highest)
        #expect(abs(scale.step - step) < step * 1e-9)
        #expect(abs(scale.maximum - maximum) < maximum * 1e-9)
        #expect(scale.ticks.first == 0)
        #expect(abs((scale.ticks.last ?? 0) - maximum) < maximum * 1e-9)
        #expect((3...6).contains(scale.ticks.count - 1))
    }

    @Test func aScaleIsProportional() {
        let scale = ChartScale(upTo: 10)
        #expect(scale.position(5, in: 400) == 200)
        #expect(scale.position(2.5, in: 400) == 100)
        #expect(scale.position(-1, in: 400) == 0)
        #expect(scale.position(11, in: 400) == 400)
    }

    @Test(arguments: [
        (0.0, "0"), (7, "7"), (999.4, "999"), (999.9, "1 k"), (1_500, "1.5 k"), (12_340, "12.3 k"), (99_960, "100 k"),
        (273_000, "273 k"), (999_900, "1 M"), (6_754_000, "6.75 M"), (20_000_000, "20 M"), (1e12, "1000 G"),
    ]) func aRateHasThreeDigits(_ value: Double, _ text: String) {
        #expect(ChartNumber.text(value) == text)
    }

    // MARK: Drawing

    @Test func barsAreAsLongAsTheirRates() throws {
        let report = Figures.report(rows: [
            Figures.row("publish", 64, [100, 200, 400]), Figures.row("drain", 64, [300, 400, 500]),
        ])
        let chart = try Figures.chart(report)
        let drawing = try Drawing(ChartDrawing(chart).svg)
        let bars = drawing.elements("rect", "bar1").filter { $0["height"] == "11" }
        #expect(bars.map { $0["x"] } == ["136", "136"])
        let lengths = bars.compactMap { $0["width"].flatMap(Double.init) }
        #expect(lengths == [230.4, 460.8])
        // From 0 to 500, as far as there is room.
        #expect(drawing.texts.contains("500"))
        #expect(!drawing.texts.contains("600"))
        // From the lowest to the highest.
        let whiskers = drawing.elements("path", "whisker").compactMap { $0["d"] }
        #expect(whiskers.count == 2)
        #expect(whiskers[0].hasPrefix("M251.2 "))
        #expect(whiskers[0].contains("H596.8M"))
    }

    @Test func aLimitIsDrawnBehindItsBar() throws {
        let report = Figures.report(rows: [
            Figures.row("publish", 64, [100]), Figures.row("publish", 256, [90]), Figures.row("drain", 64, [200]),
        ])
        let limits = """
            {"transport": "redis", "limits": [
                {"scenario": "publish", "size": 64, "name": "loop", "rates": [380, 400, 410]},
                {"scenario": "publish", "size": 64, "label": "other", "name": "not this", "rates": [1]}]}
            """
        let chart = try Figures.chart(report, try ChartFile("limits.json", Data(limits.utf8)))
        #expect(chart.groups.map { $0.bars.map { $0.limit?.median } } == [[400, nil], [nil]])
        let drawing = try Drawing(ChartDrawing(chart).svg)
        let tracks = drawing.elements("rect", "track").filter { $0["height"] == "15" }
        #expect(tracks.map { $0["width"] } == ["576"])
        #expect(drawing.texts.contains("of 400"))
        #expect(drawing.texts.contains("Raw client, publish: loop"))
    }

    @Test func reportsOfATransportStandSideBySide() throws {
        var full = Figures.report("sqlite", rows: [Figures.row("publish", 64, [1]), Figures.row("drain", 64, [3])])
        full.label = "full"
        var normal = Figures.report("sqlite", rows: [Figures.row("publish", 64, [2])])
        normal.label = "normal"
        let memory = Figures.report("memory", rows: [Figures.row("publish", 16, [9])])
        let charts = try ChartBuilder.charts([full, memory, normal].map { try Figures.file($0) }, [])
        #expect(charts.map(\.system) == ["sqlite", "memory"])
        #expect(charts[0].chart.series == ["full", "normal"])
        #expect(charts[0].chart.groups.map(\.name) == ["publish", "drain"])
        #expect(charts[0].chart.groups[0].bars.map(\.rate.median) == [1, 2])
        #expect(charts[0].chart.title == "SQLite: messages of 64 bytes")
        #expect(charts[1].chart.title == "In memory: messages of 16 bytes")
    }

    @Test func whatIsMeasuredAtARateIsTold() throws {
        let row = Figures.row("latency", 64, [2_000], latency: [10_000, 30_000])
        let report = Figures.report(rows: [Figures.row("publish", 64, [1]), row])
        let chart = try Figures.chart(report)
        #expect(chart.groups.map(\.name) == ["publish"])
        #expect(
            chart.notes.first
                == "From publish to receipt at 2,000 messages per second, 64 bytes: 10 µs in the median, 10 µs at the 99th percentile"
        )
    }

    /// Names come from files, and must neither end an element nor begin one.
    @Test func textIsEscaped() throws {
        var report = Figures.report(rows: [Figures.row("<a href=\"x\">&\u{1}</a>", 64, [1, 2])])
        report.label = "\"<script>'"
        let chart = try Figures.chart(report)
        let drawing = try Drawing(ChartDrawing(chart).svg)
        #expect(drawing.texts.contains("<a href=\"x\">&\u{FFFD}</a>"))
        #expect(drawing.texts.contains("redis (\"<script>'): messages of 64 bytes"))
        #expect(drawing.elements("a").isEmpty)
        #expect(drawing.elements("script").isEmpty)
    }

    @Test func longNotesAreWrapped() {
        #expect(ChartDrawing.wrapped("aa bb ccc dddddddd", to: 6) == ["aa bb", "ccc", "dddddddd"])
        #expect(ChartDrawing.wrapped("", to: 6) == [""])
    }
}
