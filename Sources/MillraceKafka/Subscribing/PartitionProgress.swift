/// How far a group has got in a partition: everything below an offset, and some of what is above.
struct PartitionProgress: Sendable {
    private struct Item {
        let offset: Int64
        var isDone = false
    }

    /// What is not done, and what is done above the first of it, by offset. The first `taken` are gone.
    private var items: [Item] = []
    private var taken = 0
    /// Everything below is done; nil until that is known.
    private(set) var low: Int64?
    /// Where to read on; nil until something has come.
    private(set) var next: Int64?
    private var restored: CommitNote
    /// How often messages were handed out that come again.
    private var attempts: [Int64: Int] = [:]
    /// Messages in hand that were read before the partition began anew, by offset: nothing is committed for them.
    private var outlived: Set<Int64> = []
    /// How often it has begun anew.
    private(set) var beginnings = 0
    /// Whether another member is about to take over.
    var isLeaving = false
    /// How often something has changed that is worth a commit, and how often it had at the last one.
    private var changes: UInt64
    private var committed: UInt64 = 0

    /// - Parameters:
    ///   - low: Where to begin to read; nil for the first message that comes.
    ///   - note: What was noted about messages above it.
    ///   - isDirty: Whether that beginning is worth a commit.
    init(from low: Int64?, _ note: CommitNote = CommitNote(), isDirty: Bool = false) {
        self.low = low
        changes = isDirty ? 1 : 0
        next = low
        restored = note
    }

    /// A message has come. Returns the number of its attempt; nil when it is not to be handed out here. `end` is how far the partition
    /// goes, if that is known.
    mutating func arrive(_ offset: Int64, end: @autoclosure () -> Int64? = nil) -> Int? {
        guard !isLeaving else { return nil }
        if let next, offset < next {
            // Read again after the broker was lost; or what was read is gone, and others have its offsets.
            guard offset < low ?? next || end() ?? .max < next else { return nil }
            beginAnew(at: offset)
        }
        next = offset + 1
        let isDone = restored.isDone(offset)
        items.append(Item(offset: offset, isDone: isDone))
        if low == nil { low = offset }
        if isDone {
            advance()
            return nil
        }
        let made = restored.attempts[offset] ?? 0
        if made > 0 { attempts[offset] = made }
        return made + 1
    }

    /// The partition ends below where it was to be read, because its topic was made anew or its broker has lost what it had: then
    /// librdkafka goes back to the first message there is. What is known of offsets is of messages that are gone.
    private mutating func beginAnew(at offset: Int64) {
        for item in items[taken...] where !item.isDone { outlived.insert(item.offset) }
        (items, taken, attempts, restored) = ([], 0, [:], CommitNote())
        (low, next) = (offset, offset)
        beginnings += 1
        changes += 1
    }

    /// A message is done. False when it is not one of those that are not.
    @discardableResult
    mutating func finish(_ offset: Int64) -> Bool {
        // Of two in hand with one offset the first does not count, whichever it is: so nothing is committed before both are done.
        if outlived.remove(offset) != nil { return true }
        guard let index = index(of: offset), !items[index].isDone else { return false }
        items[index].isDone = true
        changes += 1
        attempts[offset] = nil
        if index == taken { advance() }
        return true
    }

    /// A message that is not done was handed out so often, and comes again.
    mutating func note(attempts made: Int, at offset: Int64) {
        guard made > 0, !outlived.contains(offset), let index = index(of: offset), !items[index].isDone else { return }
        attempts[offset] = made
        changes += 1
    }

    /// Whether there is something to commit.
    var isDirty: Bool { changes != committed }

    /// Whether a message has come and is not done.
    func isOpen(_ offset: Int64) -> Bool { outlived.contains(offset) || index(of: offset).map { !items[$0].isDone } ?? false }

    private mutating func advance() {
        while taken < items.count, items[taken].isDone { taken += 1 }
        low = taken < items.count ? items[taken].offset : next
        guard taken > 256, taken > items.count / 2 else { return }
        items.removeFirst(taken)
        taken = 0
    }

    /// By halving: messages come in the order of their offsets.
    private func index(of offset: Int64) -> Int? {
        var (lower, upper) = (taken, items.count)
        while lower < upper {
            let middle = (lower + upper) / 2
            if items[middle].offset < offset { lower = middle + 1 } else { upper = middle }
        }
        return lower < items.count && items[lower].offset == offset ? lower : nil
    }

    /// What to commit; nil when nothing has changed since the last time.
    mutating func commit() -> (offset: Int64, note: CommitNote)? {
        guard isDirty, let low else { return nil }
        committed = changes
        var note = CommitNote()
        for item in items[taken...] where item.isDone { note.add(done: item.offset) }
        // What was noted by another member and has not come yet.
        for range in restored.done where range.upperBound >= next ?? low { note.add(done: range) }
        note.attempts = attempts.merging(restored.attempts.filter { $0.key >= next ?? low }) { own, _ in own }
        return (low, note)
    }

    /// A commit has failed: there is something to commit again.
    mutating func commitFailed() { changes += 1 }

    /// What `preview` has made of this is committed: its messages are done, and if nothing else has changed, so is everything.
    mutating func adopt(_ offsets: [Int64], as preview: PartitionProgress) {
        for offset in offsets { finish(offset) }
        if changes == preview.changes, beginnings == preview.beginnings { committed = changes }
    }
}
