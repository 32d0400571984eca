/// A line of a worker's log. Times are in microseconds.
enum LogEntry: Equatable {
    /// The producer is about to publish it: it may be in the broker from now on.
    case attempted(RecordID)
    /// `publish` has returned.
    case accepted(RecordID, at: Int64)
    /// `publish` has failed with it, so that nobody knows, and it is about to be published again.
    case failed(RecordID, at: Int64)
    /// A handler has done its work, and is about to return.
    case handled(RecordID, attempt: Int, start: Int64, end: Int64)
    /// A handler was given something that the producer has not made.
    case foreign(bytes: Int, at: Int64)
    /// A consumer is subscribed.
    case ready(at: Int64)
    /// A worker has ended in good order.
    case ended(at: Int64)

    var line: String {
        switch self {
        case .attempted(let record): "? \(Self.text(record))"
        case .accepted(let record, let time): "+ \(Self.text(record)) \(time)"
        case .failed(let record, let time): "! \(Self.text(record)) \(time)"
        case .handled(let record, let attempt, let start, let end): "h \(Self.text(record)) \(attempt) \(start) \(end)"
        case .foreign(let bytes, let time): "g \(bytes) \(time)"
        case .ready(let time): "r \(time)"
        case .ended(let time): "e \(time)"
        }
    }

    /// Nil for a line that is none.
    init?(line: Substring) {
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Int64($0) }
        guard let first = words.first, numbers.count == words.count - 1 else { return nil }
        func record() -> RecordID { RecordID(run: Int(numbers[0]), key: Int(numbers[1]), sequence: Int(numbers[2])) }
        switch (first, numbers.count) {
        case ("?", 3): self = .attempted(record())
        case ("+", 4): self = .accepted(record(), at: numbers[3])
        case ("!", 4): self = .failed(record(), at: numbers[3])
        case ("h", 6): self = .handled(record(), attempt: Int(numbers[3]), start: numbers[4], end: numbers[5])
        case ("g", 2): self = .foreign(bytes: Int(numbers[0]), at: numbers[1])
        case ("r", 1): self = .ready(at: numbers[0])
        case ("e", 1): self = .ended(at: numbers[0])
        default: return nil
        }
    }

    private static func text(_ record: RecordID) -> String { "\(record.run) \(record.key) \(record.sequence)" }
}
