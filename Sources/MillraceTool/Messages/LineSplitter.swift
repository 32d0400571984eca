internal import Millrace

/// Cuts bytes that come in pieces into lines.
struct LineSplitter {
    private var rest: [UInt8] = []
    /// The number of the line that was handed out last, from 1 on.
    private(set) var number = 0

    /// Calls `body` with each line that is complete, without its line break.
    mutating func take(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer, Int) throws -> Void) throws {
        var start = 0
        while let end = bytes[start...].firstIndex(of: 0x0A) {
            number += 1
            if rest.isEmpty {
                try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<end]), number) }
            } else {
                rest += bytes[start..<end]
                try rest.withUnsafeBytes { try body($0, number) }
                rest.removeAll()
            }
            start = end + 1
        }
        rest += bytes[start...]
        guard rest.count <= MessageLine.maximumLength else {
            throw MillraceError(
                .invalidMessage, "line \(number + 1) has more than \(MessageLine.maximumLength) bytes", isRetriable: false)
        }
    }

    /// Calls `body` with what is left at the end of the input: a last line without a line break.
    mutating func finish(_ body: (UnsafeRawBufferPointer, Int) throws -> Void) throws {
        guard !rest.isEmpty else { return }
        number += 1
        try rest.withUnsafeBytes { try body($0, number) }
        rest.removeAll()
    }
}
