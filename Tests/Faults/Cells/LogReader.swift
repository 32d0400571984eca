import Foundation

/// Reads a log that grows, as far as its lines are complete.
final class LogReader {
    private let path: String
    private var handle: FileHandle?
    private var rest: [UInt8] = []

    init(_ path: String) { self.path = path }

    /// Hands over the lines that have come since the last call.
    func read(_ body: (Substring) -> Void) {
        if handle == nil { handle = FileHandle(forReadingAtPath: path) }
        guard let data = try? handle?.readToEnd(), !data.isEmpty else { return }
        rest += data
        guard let end = rest.lastIndex(of: 0x0A) else { return }
        let text = String(decoding: rest[..<end], as: UTF8.self)
        rest.removeFirst(end + 1)
        for line in text.split(separator: "\n") { body(line) }
    }
}
