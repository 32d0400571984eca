import Millrace

/// Counts how often each message came.
final class Tally: Sendable {
    private let counts = Lock<[MessageID: Int]>([:])

    @discardableResult
    func add(_ id: MessageID) -> Int {
        counts.withLock { counts in
            counts[id, default: 0] += 1
            return counts.count
        }
    }

    var all: [MessageID: Int] { counts.withLock { $0 } }
    var count: Int { counts.withLock { $0.count } }
}
