/// Actions by due time, earliest first; those of one instant keep the order in which they were added.
///
/// A binary heap with lazy removal: a cancelled timer's action is dropped at once and its place is freed when it comes up.
package struct TimerHeap: Sendable {
    package typealias Action = @Sendable () -> Void

    private struct Node: Sendable {
        let instant: ClockInstant
        let id: UInt64

        static func < (left: Node, right: Node) -> Bool {
            left.instant == right.instant ? left.id < right.id : left.instant < right.instant
        }
    }

    private var nodes: [Node] = []
    private var actions: [UInt64: Action] = [:]
    private var nextID: UInt64 = 0

    package init() {}

    /// How many actions are still to run.
    package var count: Int { actions.count }

    /// The due time of the first action that is still to run.
    package var earliest: ClockInstant? {
        mutating get {
            while let first = nodes.first {
                if actions[first.id] != nil { return first.instant }
                removeFirst()
            }
            return nil
        }
    }

    /// Adds an action and says whether it is now the earliest.
    package mutating func insert(
        at instant: ClockInstant, _ action: @escaping Action
    ) -> (id: UInt64, isEarliest: Bool) {
        nextID += 1
        actions[nextID] = action
        nodes.append(Node(instant: instant, id: nextID))
        siftUp(nodes.count - 1)
        return (nextID, nodes.first?.id == nextID)
    }

    /// Forgets an action; unknown ids are ignored. The heap is rebuilt when most of it is cancelled timers.
    package mutating func remove(_ id: UInt64) {
        guard actions.removeValue(forKey: id) != nil else { return }
        if nodes.count > 64, actions.count < nodes.count / 4 {
            nodes = nodes.filter { actions[$0.id] != nil }.sorted(by: <)
        }
    }

    /// Takes out the first action if its time has come.
    package mutating func popDue(at now: ClockInstant) -> Action? {
        guard let earliest, earliest <= now, let id = nodes.first?.id else { return nil }
        removeFirst()
        return actions.removeValue(forKey: id)
    }

    private mutating func removeFirst() {
        nodes.swapAt(0, nodes.count - 1)
        nodes.removeLast()
        siftDown(0)
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard nodes[child] < nodes[parent] else { return }
            nodes.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < nodes.count && nodes[child] < nodes[least] {
                least = child
            }
            guard least != parent else { return }
            nodes.swapAt(parent, least)
            parent = least
        }
    }
}
