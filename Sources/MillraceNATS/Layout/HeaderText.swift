import CNATS
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The headers of a message as they came: `NATS/1.0`, and a line for each.
///
/// Libnats' own reading takes the line behind a header without a value for its value. So the text is read where libnats keeps it: of
/// all its versions that are known, between the subjects and the payload. With others libnats reads it after all.
enum HeaderText {
    /// Whether libnats is of a version that is known to keep the text there.
    private static let isKnownVersion: Bool = {
        let parts = String(cString: nats_GetVersion()).split(separator: ".")
        guard parts.count >= 2, parts[0] == "3", let minor = Int(parts[1]) else { return false }
        return (1...14).contains(minor)
    }()

    /// The text of a message that has come from the server; empty without headers. Nil when it is not known where it is.
    static func of(_ message: NATSMessage) -> UnsafeRawBufferPointer? {
        guard isKnownVersion, let before = message.reply ?? message.subject, let data = message.data.baseAddress else { return nil }
        let start = UnsafeRawPointer(before) + strlen(before) + 1
        // One byte more than the headers, a zero; none of both without headers.
        let count = data - start - 1
        guard count > 0 else { return count == -1 ? UnsafeRawBufferPointer(start: start, count: 0) : nil }
        let text = UnsafeRawBufferPointer(start: start, count: count)
        return text.starts(with: "NATS/1.".utf8) ? text : nil
    }

    /// Calls `body` with the name and the value of each header, in their order, each followed by a zero byte or not. A line that
    /// begins with white space goes on with the one before it; one without a colon is left out.
    ///
    /// Libnats may have looked at the headers before: then there are zeros where colons and ends were.
    static func forEach(_ text: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        var rest = UnsafeRawBufferPointer(rebasing: text[...])
        var isFirst = true
        while let end = rest.firstIndex(of: 0x0A) {
            var line = UnsafeRawBufferPointer(rebasing: rest[..<end])
            rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
            while let last = line.last, isBlank(last) { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
            defer { isFirst = false }
            guard !isFirst, let colon = line.firstIndex(where: { $0 == 0x3A || $0 == 0 }) else { continue }
            var value = UnsafeRawBufferPointer(rebasing: line[(colon + 1)...])
            while let first = value.first, isBlank(first) { value = UnsafeRawBufferPointer(rebasing: value.dropFirst()) }
            body(UnsafeRawBufferPointer(rebasing: line[..<colon]), value)
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0 }
}
