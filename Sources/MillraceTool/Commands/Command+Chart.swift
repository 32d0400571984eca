import Foundation
internal import Millrace

extension Command {
    private enum Options {
        static let reports = Positional("REPORT", 1...1_000, .file, help: "What bench has printed with --format json")
        static let output = Option(
            "output", "o", value: "FOLDER", .file, fallback: ".", help: "Where the charts go; made if need be")
        static let limits = Option(
            "limits", "l", value: "FILE", .file, repeats: true,
            help: "What a raw client makes of the same work; may be given more than once")
    }

    /// Draws reports of bench.
    static let chart = Command(
        "chart", "Draws what bench has measured",
        discussion: """
            Writes an SVG for each transport, with the name of its system: redis.svg. Bars are messages per second, the median \
            of the runs, with the lowest and the highest; latency is told below. Reports of one transport with different \
            labels stand side by side. Light or dark, as whoever looks likes it.

            What a raw client makes of the same work is drawn behind the bars. It is told by a file:
            { "transport": "redis", "limits": [ { "scenario": "publish", "size": 64, "name": "redis-benchmark -P 64 XADD", \
            "rates": [352000, 375000] } ] }
            """, [Options.reports], [Options.output, Options.limits],
        examples: [
            "millrace bench --url memory: --format json >memory.json && millrace chart memory.json",
            "millrace chart full.json normal.json --limits sqlite-limits.json --output charts",
        ]
    ) { arguments, session in
        let charts = try ChartBuilder.charts(
            try arguments.words(Options.reports).map { try ChartFile($0) },
            try arguments.texts(Options.limits).map { try ChartFile($0) })
        let folder = URL(fileURLWithPath: arguments.text(Options.output) ?? ".", isDirectory: true)
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for (system, chart) in charts {
                let file = folder.appendingPathComponent("\(system).svg")
                try Data(ChartDrawing(chart).svg.utf8).write(to: file, options: .atomic)
                session.output.print(file.relativePath)
            }
        } catch let error as CocoaError {
            throw MillraceError(
                .invalidState, "\(folder.path) can't be written: \(error.localizedDescription)", isRetriable: false)
        }
        return ExitCode.success
    }
}
