/// Finds what somebody meant who mistyped a name.
enum NearestName {
    /// The known name that is nearest to `name`; nil when none is near: a third of the letters may differ, and one in any case.
    static func of(_ name: String, among known: [String]) -> String? {
        let limit = max(1, name.count / 3)
        let nearest = known.map { ($0, distance(name.lowercased(), $0.lowercased())) }.min { $0.1 < $1.1 }
        guard let nearest, nearest.1 <= limit else { return nil }
        return nearest.0
    }

    /// The end of an error's sentence: `; did you mean 'group'? Known: db, group`.
    static func hint(_ name: String, among known: [String], label: String = "Known") -> String {
        let list = known.isEmpty ? "none" : known.joined(separator: ", ")
        guard let nearest = of(name, among: known) else { return ". \(label): \(list)" }
        return "; did you mean '\(nearest)'? \(label): \(list)"
    }

    /// How many letters have to be added, left out, exchanged, or swapped with the next one.
    private static func distance(_ left: String, _ right: String) -> Int {
        // Names are short; what is longer is not worth the time.
        let (left, right) = (Array(left.prefix(64)), Array(right.prefix(64)))
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 1...left.count {
            var current = [row]
            for column in 1...right.count {
                let exchange = last[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
                var best = min(exchange, last[column] + 1, current[column - 1] + 1)
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    best = min(best, beforeLast[column - 2] + 1)
                }
                current.append(best)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
