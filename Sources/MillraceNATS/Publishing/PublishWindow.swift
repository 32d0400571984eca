/// Messages that were numbered in the order in which they are sent, until the server has said something of each.
struct PublishWindow: Sendable {
    struct Entry: Sendable {
        let call: NATSPublishCall
        let index: Int
        /// Whether it may have arrived before: it was sent over a link that was lost, or found no stream at first.
        var isSentAgain = false
    }

    private var entries: [Entry?] = []
    /// How many of `entries` are gone from the front.
    private var head = 0
    /// The number of the first of `entries`.
    private var base: UInt64 = 0
    private(set) var count = 0

    /// The number of the first message that is there; ``next`` when there is none.
    var first: UInt64 { base + UInt64(head) }

    /// The number that the next message gets.
    var next: UInt64 { base + UInt64(entries.count) }

    mutating func append(_ entry: Entry) {
        entries.append(entry)
        count += 1
    }

    /// Takes out a message; nil when that has been done before.
    mutating func remove(_ number: UInt64) -> Entry? {
        guard number >= base + UInt64(head), number < next else { return nil }
        guard let entry = entries[Int(number - base)].take() else { return nil }
        count -= 1
        while head < entries.count, entries[head] == nil { head += 1 }
        if head > 1_024, head * 2 > entries.count {
            entries.removeFirst(head)
            base += UInt64(head)
            head = 0
        }
        return entry
    }

    /// A message is about to be sent once more.
    mutating func noteSentAgain(_ number: UInt64) {
        guard number >= first, number < next else { return }
        entries[Int(number - base)]?.isSentAgain = true
    }

    /// Takes out all up to a number.
    mutating func removeAll(through last: UInt64) -> [Entry] {
        // Anybody could have sent the answer that the number comes with.
        guard last >= first, last < next else { return [] }
        return (first...last).compactMap { remove($0) }
    }

    /// All that are there, in their order.
    var all: [(number: UInt64, entry: Entry)] {
        (head..<entries.count).compactMap { index in entries[index].map { (base + UInt64(index), $0) } }
    }
}
