internal import Millrace

/// Topics and their groups as people read them: a line for each group.
struct TopicTable {
    private let rows: [[String]]

    init(_ topics: [TopicDescription]) {
        var rows = [["TOPIC", "MESSAGES", "GROUP", "LAG"]]
        for topic in topics {
            let messages = topic.messages.map(String.init) ?? "-"
            let groups = topic.groups.map { groups in groups.map { [$0.name, $0.lag.map(String.init) ?? "-"] } } ?? [["-", "-"]]
            rows.append([topic.name, messages] + (groups.first ?? ["", ""]))
            for group in groups.dropFirst() { rows.append(["", ""] + group) }
        }
        self.rows = rows
    }

    /// Names to the left, numbers to the right.
    var lines: [String] {
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column.isMultiple(of: 2) ? text + space : space + text
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
