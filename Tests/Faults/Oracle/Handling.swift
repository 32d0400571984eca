/// That a handler has done its work on a message.
struct Handling: Hashable {
    let record: RecordID
    let group: String
    /// Which consumer it was; one that is started again is another one.
    let member: String
    let attempt: Int
    /// Microseconds.
    let start: Int64
    let end: Int64
}

/// Everything that the workers of a cell have claimed.
struct History {
    var attempted: Set<RecordID> = []
    /// When `publish` had returned.
    var accepted: [RecordID: Int64] = [:]
    /// What was published again because it was not known whether it had arrived.
    var republished: Set<RecordID> = []
    var handlings: [Handling] = []
    /// For each group, which messages it has handled.
    private(set) var handled: [String: Set<RecordID>] = [:]
    /// How often a handler was given something that the producer has not made, for each group.
    private(set) var foreign: [String: Int] = [:]
    /// Lines that are none of a worker's.
    private(set) var unreadable: [String] = []

    /// Takes a line of a worker's log; `group` and `member` are those of a consumer.
    mutating func add(_ line: Substring, group: String = "", member: String = "") {
        switch LogEntry(line: line) {
        case .attempted(let record): attempted.insert(record)
        case .accepted(let record, let time): accepted[record] = time
        case .failed(let record, _): republished.insert(record)
        case .handled(let record, let attempt, let start, let end):
            handlings.append(
                Handling(record: record, group: group, member: member, attempt: attempt, start: start, end: end))
            handled[group, default: []].insert(record)
        case .foreign: foreign[group, default: 0] += 1
        case .ready, .ended: break
        case nil: unreadable.append("\(member): \(line)")
        }
    }
}
