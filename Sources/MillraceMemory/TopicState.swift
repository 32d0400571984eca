import Millrace

/// What a topic knows, guarded by its lock. Pure state: it names the tasks to resume, the topic resumes them.
struct TopicState: Sendable {
    private(set) var groups: ContiguousArray<MemoryGroup> = []
    /// The groups' inboxes, beside the groups so that a publisher touches no reference count.
    private(set) var inboxes: ContiguousArray<MemoryGroup.InboxPointer> = []
    var retained = RetainedMessages()
    /// Publishers that wait for room.
    var blocked = Waiters()
    var sequence: UInt64 = 0
    var isClosed = false
    private var nextWaiterID: UInt64 = 0

    /// Whether every group can take one more message.
    @inline(__always)
    var hasRoom: Bool {
        for inbox in inboxes where !inbox.inbox.pointee.hasRoom { return false }
        return true
    }

    mutating func makeWaiterID() -> UInt64 {
        nextWaiterID += 1
        return nextWaiterID
    }

    /// Gives a message to every group, room or not.
    @inline(__always)
    mutating func store(_ message: consuming Message, receipt: PublishReceipt?, wakeups: inout Wakeups) {
        sequence &+= 1
        receipt?.expect(inboxes.count)
        let last = inboxes.count &- 1
        guard last >= 0 else { return }
        for index in 0..<last {
            let entry = MemoryEntry(message: copy message, sequence: sequence, receipt: receipt)
            inboxes[index].inbox.pointee.append(entry, wakeups: &wakeups)
        }
        // The last group gets the message itself instead of a copy.
        let entry = MemoryEntry(message: message, sequence: sequence, receipt: receipt)
        inboxes[last].inbox.pointee.append(entry, wakeups: &wakeups)
    }

    /// A message for the publisher to let go of, outside the lock.
    @inline(__always)
    mutating func takeSpent() -> Message? {
        for inbox in inboxes {
            if let message = inbox.inbox.pointee.spent.next() { return message }
        }
        return nil
    }

    /// Gives a message to every group that has room.
    mutating func storeWhereRoom(_ message: Message, receipt: PublishReceipt?, wakeups: inout Wakeups) {
        sequence &+= 1
        for inbox in inboxes where inbox.inbox.pointee.hasRoom {
            receipt?.expect(1)
            inbox.inbox.pointee.append(
                MemoryEntry(message: message, sequence: sequence, receipt: receipt), wakeups: &wakeups)
        }
    }

    /// Keeps the message that was stored last for groups to come, if the options ask for it. Returns how many old ones had to
    /// go.
    @inline(__always)
    mutating func retain(_ message: Message, _ options: MemoryOptions) -> Int {
        let limit = options.retained(hasSubscribers: !inboxes.isEmpty)
        return limit > 0 ? retained.append(message, sequence: sequence, limit: limit) : 0
    }

    /// Brings all inboxes' counts up to date.
    func countSettled() {
        for group in groups { group.countSettled() }
    }

    /// Lets blocked publishers try again once half of the room is free, so that they do not come for a single place; or once
    /// there is room and a reader that waits for them.
    @inline(__always)
    mutating func wakePublishers(into wakeups: inout Wakeups) {
        guard !blocked.isEmpty else { return }
        countSettled()
        for inbox in inboxes where !inbox.inbox.pointee.isWorthwhile { return }
        wakeups.add(blocked.removeAll())
    }

    /// The group of that name, with whether it is new.
    mutating func group(named name: String?, capacity: Int) -> (group: MemoryGroup, isNew: Bool) {
        if let name, let group = groups.first(where: { $0.name == name }) { return (group, false) }
        let group = MemoryGroup(name: name, capacity: capacity)
        groups.append(group)
        inboxes.append(MemoryGroup.InboxPointer(inbox: group.inbox))
        return (group, true)
    }

    mutating func remove(_ group: MemoryGroup) {
        guard let index = groups.firstIndex(where: { $0 === group }) else { return }
        groups.remove(at: index)
        inboxes.remove(at: index)
    }

    /// A new group begins with what the topic has kept.
    mutating func fill(_ group: MemoryGroup, options: MemoryOptions) {
        var wakeups = Wakeups()
        for (sequence, message) in retained.all {
            group.inbox.pointee.append(MemoryEntry(message: message, sequence: sequence, receipt: nil), wakeups: &wakeups)
        }
        if options.retention == .untilClaimed { retained = RetainedMessages() }
    }
}

/// The messages that a topic keeps for groups to come: the last so many.
struct RetainedMessages: Sendable {
    private var messages: ContiguousArray<(sequence: UInt64, message: Message)> = []
    /// Messages before this index are dropped already; they leave the array when they are half of it.
    private var dropped = 0

    var all: ArraySlice<(sequence: UInt64, message: Message)> { ArraySlice(messages[dropped...]) }
    private var count: Int { messages.count - dropped }

    /// Keeps a message and returns how many old ones had to go.
    mutating func append(_ message: Message, sequence: UInt64, limit: Int) -> Int {
        messages.append((sequence, message))
        let gone = max(0, count - limit)
        dropped += gone
        if dropped > messages.count / 2 {
            messages.removeFirst(dropped)
            dropped = 0
        }
        return gone
    }
}
