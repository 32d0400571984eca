import Foundation

@testable import MillraceTool

/// Reports that nobody has measured.
enum Figures {
    static func report(_ system: String = "redis", rows: [BenchReport.Row]) -> BenchReport {
        BenchReport(
            url: "\(system):", system: system, broker: nil, isOptimized: true, processors: 2, tasks: 64, batch: 100, rate: 2_000,
            rows: rows)
    }

    /// The chart of one report.
    static func chart(_ report: BenchReport, _ limits: ChartFile<BenchLimits>...) throws -> Chart {
        guard let first = try ChartBuilder.charts([try file(report)], limits).first else { throw Unexpected("no chart") }
        return first.chart
    }

    /// By way of JSON, as from a file.
    static func file(_ report: BenchReport, _ path: String = "report.json") throws -> ChartFile<BenchReport> {
        try ChartFile(path, Data(try report.json().utf8))
    }
}
