import Millrace

/// Which group's handler waits for room in which group, so that a circle of full groups is seen before it locks up.
///
/// Only publishers that have to wait come here; it is never on the path of a message.
final class WaitGraph: Sendable {
    /// A wait that is under way.
    struct Wait: Sendable {
        let from: ObjectIdentifier?
        let to: [ObjectIdentifier]
    }

    private let edges = Lock<[ObjectIdentifier: [ObjectIdentifier: Int]]>([:])

    /// Whether no handler waits.
    var isEmpty: Bool { edges.withLock { $0.isEmpty } }

    /// Notes that a handler waits for `full`: one of the group `from`, or one whose input comes from elsewhere, by anything
    /// that is its own. Nil when that closes a circle, and nothing is noted. Other publishers can't be part of one.
    func enter(from: AnyObject?, to full: [MemoryGroup]) -> Wait? {
        let targets = full.map { ObjectIdentifier($0) }
        guard let from = from.map({ ObjectIdentifier($0) }) else { return Wait(from: nil, to: targets) }
        return edges.withLock { edges in
            guard !targets.contains(where: { Self.reaches(from, from: $0, in: edges) }) else { return nil }
            for target in targets { edges[from, default: [:]][target, default: 0] += 1 }
            return Wait(from: from, to: targets)
        }
    }

    func leave(_ wait: Wait) {
        guard let from = wait.from else { return }
        edges.withLock { edges in
            for target in wait.to {
                edges[from]?[target]? -= 1
                if edges[from]?[target] == 0 { edges[from]?[target] = nil }
            }
            if edges[from]?.isEmpty == true { edges[from] = nil }
        }
    }

    private static func reaches(
        _ goal: ObjectIdentifier, from start: ObjectIdentifier, in edges: [ObjectIdentifier: [ObjectIdentifier: Int]]
    ) -> Bool {
        var seen: Set<ObjectIdentifier> = []
        var open = [start]
        while let node = open.popLast() {
            if node == goal { return true }
            guard seen.insert(node).inserted else { continue }
            open += edges[node]?.keys.map { $0 } ?? []
        }
        return false
    }
}
