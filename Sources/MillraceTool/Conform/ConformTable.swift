/// Results as people read them: a line for each check, as it ends, and a line for all.
struct ConformTable: Sendable {
    private let width: Int
    private var counts: [ConformRow.Outcome: Int] = [:]

    /// A table for checks of these names.
    init(_ names: [String]) { width = max(names.map(\.count).max() ?? 0, Self.title.count) }

    private static let title = "CHECK"

    var header: String { "\(Self.title.padded(to: width))  RESULT   SECONDS  REASON" }

    /// Whether no check has failed so far.
    var isGood: Bool { counts[.failed] == nil }

    /// The line of a check, which counts from now on.
    mutating func line(_ row: ConformRow) -> String {
        counts[row.outcome, default: 0] += 1
        let line =
            "\(row.check.padded(to: width))  \(row.outcome.rawValue.padded(to: 7))  \(row.seconds.text(2).indented(to: 7))"
        // A reason may quote what has come, with its line breaks.
        let reason = row.reason.map { "  " + $0.lines.joined(separator: " ") } ?? ""
        return line + reason
    }

    /// `78 passed, 3 skipped, 0 failed in 12.34 s`
    func summary(seconds: Double) -> String {
        let parts = [ConformRow.Outcome.passed, .skipped, .failed].map { "\(counts[$0] ?? 0) \($0.rawValue)" }
        return "\(parts.joined(separator: ", ")) in \(seconds.text(2)) s"
    }
}
