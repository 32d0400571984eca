import Millrace

/// Keeps the order of keys: of all elements of a key one is out at a time, the others wait behind it.
///
/// A pure state machine, for any transport that has to keep `Ordering.byKey` by itself. Elements without a key share a lane.
public struct Lanes<Element: Sendable>: Sendable {
    private var waiting: [String?: [Element]] = [:]
    /// How many elements wait behind another one.
    public private(set) var waitingCount = 0

    /// No elements.
    public init() {}

    /// Enters a key's lane. Returns false, and keeps the element, when another one of the key is out.
    public mutating func enter(_ key: String?, _ element: Element) -> Bool {
        guard let index = waiting.index(forKey: key) else {
            waiting[key] = []
            return true
        }
        waiting.values[index].append(element)
        waitingCount += 1
        return false
    }

    /// The element of a key that was out is done. Returns the next one of the key, which is out from now on.
    public mutating func leave(_ key: String?) -> Element? {
        guard let index = waiting.index(forKey: key) else { return nil }
        guard !waiting.values[index].isEmpty else {
            waiting.remove(at: index)
            return nil
        }
        waitingCount -= 1
        return waiting.values[index].removeFirst()
    }

    /// Takes out the element with the lowest number of all that wait, if that is below `limit`. Numbers rise in each lane.
    ///
    /// Looks at each lane once: what keeps elements waiting pays nothing for it.
    public mutating func removeLowest(below limit: UInt64, _ number: (Element) -> UInt64) -> Element? {
        guard waitingCount > 0 else { return nil }
        var lowest = (number: limit, index: waiting.endIndex)
        for index in waiting.indices {
            guard let first = waiting.values[index].first.map(number), first < lowest.number else { continue }
            lowest = (first, index)
        }
        guard lowest.index != waiting.endIndex else { return nil }
        waitingCount -= 1
        return waiting.values[lowest.index].removeFirst()
    }

    /// Takes out all elements that wait and match. Who is out stays out.
    public mutating func removeAll(where matches: (Element) -> Bool) -> [Element] {
        guard waitingCount > 0 else { return [] }
        var removed: [Element] = []
        for index in waiting.indices {
            let found = waiting.values[index].filter(matches)
            guard !found.isEmpty else { continue }
            waiting.values[index].removeAll(where: matches)
            removed += found
        }
        waitingCount -= removed.count
        return removed
    }

    /// Closes a key's lane, and takes out what waits in it.
    public mutating func removeLane(_ key: String?) -> [Element] {
        guard let elements = waiting.removeValue(forKey: key) else { return [] }
        waitingCount -= elements.count
        return elements
    }

    /// Everything that waits.
    public var all: [Element] { waiting.values.flatMap { $0 } }

    /// Takes out everything that waits, and forgets the lanes.
    public mutating func removeAll() -> [Element] {
        defer { self = Lanes() }
        return waiting.values.flatMap { $0 }
    }
}
