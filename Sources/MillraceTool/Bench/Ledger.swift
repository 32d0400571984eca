/// What has arrived of what was sent: nothing may be missing, come twice, or overtake another one of the same task.
struct Ledger: Sendable {
    private let load: BenchLoad
    /// Where a task's messages begin in ``seen``.
    private let offsets: [Int]
    private var seen: [Bool]
    private var last: [Int]

    /// Different messages that have arrived.
    private(set) var received = 0
    private(set) var duplicates = 0
    private(set) var reordered = 0
    /// Messages that nobody here has sent.
    private(set) var strangers = 0

    init(_ load: BenchLoad) {
        self.load = load
        var offset = 0
        offsets = (0..<load.tasks).map { task in
            defer { offset += load.share(of: task) }
            return offset
        }
        seen = [Bool](repeating: false, count: load.count)
        last = [Int](repeating: -1, count: load.tasks)
    }

    mutating func take(_ message: BenchMessage?) {
        guard let message, offsets.indices ~= message.task, 0..<load.share(of: message.task) ~= message.number else {
            strangers += 1
            return
        }
        let index = offsets[message.task] + message.number
        guard !seen[index] else {
            duplicates += 1
            return
        }
        seen[index] = true
        received += 1
        if message.number < last[message.task] { reordered += 1 }
        last[message.task] = max(last[message.task], message.number)
    }

    var isComplete: Bool { received == load.count }

    /// What is wrong; nil when nothing is. Order counts only where the transport promises one.
    func complaint(checksOrder: Bool) -> String? {
        let counts = [
            (load.count - received, "lost"), (duplicates, "twice"), (checksOrder ? reordered : 0, "out of order"),
            (strangers, "foreign"),
        ]
        let parts = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}
