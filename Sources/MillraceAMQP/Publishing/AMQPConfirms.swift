import Millrace

/// Messages that were sent on a channel and not yet confirmed, by the channel's numbers: 1, 2, 3, ...
struct AMQPConfirms {
    struct Entry {
        let call: AMQPPublishCall
        let index: Int
        /// Why the broker has sent it back; the confirmation follows.
        var returned: MillraceError?
    }

    private var entries: ContiguousArray<Entry?> = []
    /// How many of the first entries are done.
    private var head = 0
    /// The number of the entry at `head`.
    private var first: UInt64 = 1
    /// How many are not confirmed.
    private(set) var count = 0

    mutating func append(_ call: AMQPPublishCall, _ index: Int) {
        entries.append(Entry(call: call, index: index))
        count += 1
    }

    /// Takes out what a confirmation is about: the entry with a number, or all up to it.
    mutating func take(_ tag: UInt64, isMultiple: Bool, _ body: (Entry) -> Void) {
        // The number 0 stands for all there are.
        let last = tag == 0 ? first + UInt64(entries.count - head) - 1 : tag
        guard last >= first, last - first < UInt64(entries.count - head) else { return }
        let index = head + Int(last - first)
        for position in (isMultiple ? head : index)...index {
            guard let entry = entries[position].take() else { continue }
            count -= 1
            body(entry)
        }
        compact()
    }

    private mutating func compact() {
        while head < entries.count, entries[head] == nil {
            head += 1
            first += 1
        }
        guard head > 1_024 || head == entries.count else { return }
        entries.removeFirst(head)
        head = 0
    }

    /// Notes why a message came back: the first of that id that has not, or the first that could.
    mutating func noteReturn(of id: MessageID, _ error: MillraceError) {
        func first(where matches: (Entry) -> Bool) -> Int? {
            (head..<entries.count).first { position in
                guard let entry = entries[position], entry.returned == nil else { return false }
                return entry.call.route.isMandatory && matches(entry)
            }
        }
        let position = first { $0.call.messages[$0.index].id == id } ?? first { _ in true }
        if let position { entries[position]?.returned = error }
    }

    /// Takes out what should have been confirmed by now; the confirmation may still come, and is ignored.
    mutating func takeExpired(at now: ClockInstant, _ body: (Entry) -> Void) {
        for position in head..<entries.count {
            guard let entry = entries[position], entry.call.deadline <= now else { continue }
            entries[position] = nil
            count -= 1
            body(entry)
        }
    }

    /// Takes out everything: the channel is gone.
    mutating func removeAll(_ body: (Entry) -> Void) {
        let left = entries[head...].compactMap { $0 }
        self = AMQPConfirms()
        for entry in left { body(entry) }
    }
}
