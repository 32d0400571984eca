/// A cell of the matrix with what came of it.
struct CellResult: Codable {
    enum Outcome: Codable, Equatable {
        case passed
        /// With what is wrong, one line each.
        case failed([String])
        /// The fault can't be had with this transport, for this reason.
        case notApplicable(String)
    }

    let plan: CellPlan
    let outcome: Outcome
    /// Nil for a cell that did not come to its end.
    var verdict: Verdict?
    /// The most memory of a producer and of a consumer, in kilobytes; nil where they share a process.
    var producerMemory: Int?
    var consumerMemory: Int?
    /// How long the cell took.
    var seconds: Double = 0

    var hasFailed: Bool { if case .failed = outcome { true } else { false } }

    /// A line for the terminal.
    var line: String {
        let name = "\(plan.transport.rawValue) × \(plan.fault.rawValue)"
        switch outcome {
        case .notApplicable(let reason): return "n/a     \(name): \(reason)"
        case .passed: return "passed  \(name): \(figures)"
        case .failed(let complaints):
            let lines = complaints.map { "        \($0)" }.joined(separator: "\n")
            return "FAILED  \(name): \(figures)\n\(lines)\n        again: \(plan.command)"
        }
    }

    private var figures: String {
        guard let verdict else { return "no verdict" }
        let groups = verdict.groups.sorted { $0.key < $1.key }.map { name, group in
            "\(name) handled \(group.handled), lost \(group.lost), again \(group.explainedDuplicates)+\(group.unexplainedDuplicates), "
                + "behind \(group.explainedInversions)+\(group.unexplainedInversions)"
        }
        let recovery = verdict.recoveryMilliseconds.map { "; recovered in \($0) ms" } ?? ""
        return "accepted \(verdict.accepted); \(groups.joined(separator: "; "))\(recovery); \(Int(seconds)) s"
    }
}
