internal import Millrace

/// Makes a chart of each transport from the reports about it.
struct ChartBuilder {
    private let files: [ChartFile<BenchReport>]
    private let limits: [BenchLimits.Limit]
    /// Each pair of label and size that there is, in the order of the files.
    private var series: [Series] = []

    struct Series: Equatable {
        let label: String?
        let size: Int
    }

    /// Charts by the name of their system, in the order of the files. Throws `invalidConfiguration` for what can't be drawn.
    static func charts(
        _ files: [ChartFile<BenchReport>], _ limits: [ChartFile<BenchLimits>]
    ) throws -> [(system: String, chart: Chart)] {
        for file in files { try file.check() }
        var systems: [String] = []
        for file in files where !systems.contains(file.content.system) { systems.append(file.content.system) }
        for file in limits {
            try file.check()
            guard systems.contains(file.content.transport) else {
                throw file.complaint(
                    "transport is '\(file.content.transport)', it must be one of \(systems.joined(separator: ", "))")
            }
        }
        return try systems.map { system in
            let builder = try ChartBuilder(
                files.filter { $0.content.system == system },
                limits.filter { $0.content.transport == system }.flatMap(\.content.limits))
            return (system, builder.chart)
        }
    }

    private init(_ files: [ChartFile<BenchReport>], _ limits: [BenchLimits.Limit]) throws {
        self.files = files
        self.limits = limits
        var seen: [String: String] = [:]
        for file in files {
            for row in file.content.rows where row.isCharted {
                let one = Series(label: file.content.label, size: row.size)
                if !series.contains(one) { series.append(one) }
                if let other = seen.updateValue(file.path, forKey: "\(row.scenario) \(row.size) \(file.content.label ?? "")") {
                    throw file.complaint(
                        "\(row.scenario) of \(row.size) bytes is in \(other) as well; give one of them another label")
                }
            }
        }
    }

    private var chart: Chart {
        Chart(title: title, caption: caption, series: series.map(name), groups: groups, notes: notes)
    }

    // MARK: Words

    private var labels: [String?] {
        files.map(\.content.label).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private var sizes: [Int] { Set(series.map(\.size)).sorted() }

    private var title: String {
        let system = files[0].content.system
        let names = ["memory": "In memory", "sqlite": "SQLite", "kafka": "Kafka"]
        let name = files[0].content.broker?.name ?? names[system] ?? system
        let label = labels.count == 1 ? labels[0].map { " (\($0))" } ?? "" : ""
        let texts = sizes.map { "\($0)" }
        let list = texts.count > 1 ? texts.dropLast().joined(separator: ", ") + " and " + texts[texts.count - 1] : texts[0]
        return "\(name)\(label): messages of \(list) bytes"
    }

    private var caption: String {
        let first = files[0].content
        let runs = first.rows.map(\.runs.count).max() ?? 0
        let parts = [
            first.broker.map { "\($0.name) \($0.version)" }, "\(first.processors) processors", "\(first.tasks) tasks publish",
            "batches of \(first.batch)",
            runs > 1 ? "medians of \(runs) runs, whiskers from the lowest to the highest" : "one run",
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }

    /// What tells a series from the others.
    private func name(_ series: Series) -> String {
        let size = sizes.count > 1 || labels.count == 1 ? "\(series.size) bytes" : nil
        return [labels.count > 1 ? series.label ?? "default" : nil, size].compactMap { $0 }.joined(separator: ", ")
    }

    // MARK: Bars

    private var groups: [Chart.Group] {
        var groups: [Chart.Group] = []
        for file in files {
            for row in file.content.rows where row.isCharted {
                guard let bar = bar(row, file.content.label) else { continue }
                if let index = groups.firstIndex(where: { $0.name == row.scenario }) {
                    groups[index].bars.append(bar)
                    groups[index].bars.sort { $0.series < $1.series }
                } else {
                    groups.append(Chart.Group(name: row.scenario, bars: [bar]))
                }
            }
        }
        return groups
    }

    private func bar(_ row: BenchReport.Row, _ label: String?) -> Chart.Bar? {
        let one = Series(label: label, size: row.size)
        guard let rate = row.messagesPerSecond, let number = series.firstIndex(of: one) else { return nil }
        let limit = limits.first { $0.scenario == row.scenario && $0.size == row.size && ($0.label ?? label) == label }
        let spread = limit.flatMap { BenchRow.Spread($0.rates) }
        var text = "\(row.scenario), \(name(one)): \(Self.text(rate)) messages per second"
        if let limit, let spread { text += "; \(limit.name): \(Self.text(spread))" }
        return Chart.Bar(series: number, rate: rate, limit: spread, description: text)
    }

    private static func text(_ spread: BenchRow.Spread) -> String {
        "\(BenchRow.grouped(spread.median)) (\(BenchRow.grouped(spread.lowest)) to \(BenchRow.grouped(spread.highest)))"
    }

    // MARK: Notes

    private var notes: [String] { raw + latencies + warnings }

    /// What each raw client did, and in which scenarios.
    private var raw: [String] {
        let drawn = groups.map(\.name)
        var names: [(name: String, scenarios: [String])] = []
        for limit in limits where drawn.contains(limit.scenario) {
            if let index = names.firstIndex(where: { $0.name == limit.name }) {
                if !names[index].scenarios.contains(limit.scenario) { names[index].scenarios.append(limit.scenario) }
            } else {
                names.append((limit.name, [limit.scenario]))
            }
        }
        return names.map { "Raw client, \($0.scenarios.joined(separator: ", ")): \($0.name)" }
    }

    private var latencies: [String] {
        files.flatMap { file in
            file.content.rows.compactMap { row -> String? in
                guard let p50 = BenchRow.Spread(row.latencyMicroseconds.map(\.p50)),
                    let p99 = BenchRow.Spread(row.latencyMicroseconds.map(\.p99))
                else { return nil }
                let name = name(Series(label: file.content.label, size: row.size))
                return "From publish to receipt at \(BenchRow.grouped(Double(file.content.rate))) messages per second"
                    + (name.isEmpty ? "" : ", \(name)")
                    + ": \(BenchRow.grouped(p50.median)) µs in the median, \(BenchRow.grouped(p99.median)) µs at the 99th percentile"
            }
        }
    }

    private var warnings: [String] {
        let complaints = files.flatMap { file in
            file.content.rows.compactMap { row in row.complaint.map { "\(row.scenario), \(row.size) bytes: \($0)" } }
        }
        return (files.allSatisfy(\.content.isOptimized) ? [] : ["Built without optimization: these figures mean little"])
            + complaints
    }
}
