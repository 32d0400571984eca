import Millrace

/// What travels with a committed offset as its metadata: which messages above it are done, and how often others were tried. So a
/// member that takes over repeats nothing that was acknowledged out of order, and counts on.
///
/// As text: `millrace1 done=2-4,7 tried=0:1,5:3`, with offsets relative to the committed one.
struct CommitNote: Sendable, Equatable {
    private static let mark = "millrace1"
    /// How far behind its offset a note can tell of something.
    private static let reach: Int64 = 1 << 40
    /// Brokers take 4,096 bytes by default (`offset.metadata.max.bytes`).
    private static let maximumLength = 3_500

    /// Ranges of offsets that are done, in order.
    private(set) var done: [ClosedRange<Int64>] = []
    /// How often messages that are not done were handed out.
    var attempts: [Int64: Int] = [:]

    init() {}

    /// Whether ``text(at:)`` says everything that is done.
    func isComplete(at offset: Int64) -> Bool { CommitNote(text(at: offset), at: offset).done == done }

    func isDone(_ offset: Int64) -> Bool { done.contains { $0.contains(offset) } }

    /// Adds an offset above all others.
    mutating func add(done offset: Int64) { add(done: offset...offset) }

    mutating func add(done range: ClosedRange<Int64>) {
        if let last = done.last, last.upperBound + 1 == range.lowerBound {
            done[done.count - 1] = last.lowerBound...range.upperBound
        } else {
            done.append(range)
        }
    }

    /// The text for an offset; empty when there is nothing to say. What does not fit is left out, and happens again.
    func text(at offset: Int64) -> String {
        var text = Self.mark
        func add(_ name: String, _ items: some Sequence<String>) {
            var separator = " \(name)="
            for item in items {
                guard text.utf8.count + item.utf8.count + separator.utf8.count <= Self.maximumLength else { return }
                text += separator + item
                separator = ","
            }
        }
        add(
            "done",
            done.lazy.map { range in
                let (first, last) = (range.lowerBound - offset, range.upperBound - offset)
                return first == last ? "\(first)" : "\(first)-\(last)"
            })
        add("tried", attempts.sorted { $0.key < $1.key }.lazy.map { "\($0.key - offset):\($0.value)" })
        return text == Self.mark ? "" : text
    }

    /// Reads what ``text(at:)`` has written. Whatever else is in the metadata says nothing.
    init(_ text: String, at offset: Int64) {
        let words = text.split(separator: " ")
        // An offset is what a broker says, and what lies `reach` behind it must be a number as well.
        guard let first = words.first, first == Self.mark, offset < Int64.max - Self.reach else { return }
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            for item in parts[1].split(separator: ",") where item.utf8.first.map({ (0x30...0x39).contains($0) }) == true {
                let numbers = item.split { $0 == "-" || $0 == ":" }.compactMap { Int64($0) }
                guard let first = numbers.first, first >= 0, first < Self.reach, let last = numbers.last else { continue }
                if parts[0] == "done", last >= first, last < Self.reach {
                    add(done: offset + first...offset + last)
                } else if parts[0] == "tried", numbers.count == 2 {
                    attempts[offset + first] = Int(attempts: last)
                }
            }
        }
    }
}
