import Foundation

/// The results of a run, for programs and for people.
struct MatrixReport {
    private let results: [CellResult]
    private let options: SuiteOptions

    init(_ results: [CellResult], _ options: SuiteOptions) { (self.results, self.options) = (results, options) }

    var json: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return try encoder.encode(results)
        }
    }

    /// A table for each transport.
    var markdown: String {
        options.transports.map { transport in
            let cells = options.faults.compactMap { fault in
                results.first { $0.plan.transport == transport && $0.plan.fault == fault }
            }
            return "### \(transport.rawValue)\n\n" + Self.table(cells)
        }.joined(separator: "\n")
    }

    private static func table(_ cells: [CellResult]) -> String {
        let head = ["Fault", "Verdict", "Accepted", "Handled", "Lost", "Again", "Behind", "Recovery", "Memory"]
        let rows = [head, head.map { _ in "---" }] + cells.compactMap(row)
        var reasons: [(text: String, faults: [String])] = []
        for case (let fault, .notApplicable(let reason)) in cells.map({ ("`\($0.plan.fault.rawValue)`", $0.outcome) }) {
            if reasons.last?.text == reason {
                reasons[reasons.count - 1].faults.append(fault)
            } else {
                reasons.append((reason, [fault]))
            }
        }
        let notes = reasons.map { "- \($0.faults.joined(separator: ", ")): not applicable, \($0.text).\n" }.joined()
        return rows.map { "| \($0.joined(separator: " | ")) |\n" }.joined() + (notes.isEmpty ? "" : "\n" + notes)
    }

    /// Nil for a cell that does not exist.
    private static func row(_ cell: CellResult) -> [String]? {
        if case .notApplicable = cell.outcome { return nil }
        let name = "`\(cell.plan.fault.rawValue)`"
        guard let verdict = cell.verdict else { return [name, "**failed**"] + Array(repeating: "", count: 7) }
        let groups = CellRun.groups.compactMap { verdict.groups[$0] }
        func sum(_ value: (Verdict.Group) -> Int) -> String { "\(groups.map(value).reduce(0, +))" }
        let memory = [cell.producerMemory, cell.consumerMemory].compactMap { $0.map { "\($0 / 1_024)" } }
        return [
            name, cell.hasFailed ? "**failed**" : "passed", "\(verdict.accepted)",
            groups.map { "\($0.handled)" }.joined(separator: " + "), sum(\.lost),
            sum { $0.explainedDuplicates + $0.unexplainedDuplicates }, sum { $0.explainedInversions + $0.unexplainedInversions },
            verdict.recoveryMilliseconds.map { "\($0) ms" } ?? "", memory.isEmpty ? "" : memory.joined(separator: " / ") + " MiB",
        ]
    }

    /// The last line of a run.
    var closing: String {
        let failed = results.count(where: \.hasFailed)
        let passed = results.count { $0.outcome == .passed }
        let absent = results.count - failed - passed
        let accepted = results.compactMap(\.verdict?.accepted).reduce(0, +)
        return "\(failed == 0 ? "PASSED" : "FAILED"): \(passed) cells passed, \(failed) failed, \(absent) not applicable; "
            + "\(accepted) messages accepted; seed \(options.seed)"
    }
}
