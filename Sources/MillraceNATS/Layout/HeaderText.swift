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
        guard isKnownVersion, let before = message.reply ?? message.subject, let data = message.data.baseAddress else {
            return nil
        }
        let start = UnsafeRawPointer(before) + strlen(before) + 1
        // One byte more than the headers, a zero; none of both without headers.
        let count = data - start - 1
        guard count > 0 else { return count == -1 ? UnsafeRawBufferPointer(start: start, count: 0) : nil }
        let text = UnsafeRawBufferPointer(start: start, count: count)
        return text.hasPrefix("NATS/1.") ? text : nil
    }

    /// Calls `body` with the name and the value of each header, in their order. A line without a colon is left out.
    ///
    /// Libnats may have looked at the headers before: then there are zeros where colons and ends were.
    @inline(__always)
    static func forEach(_ text: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        guard var start = text.offset(of: 0x0A).map({ $0 + 1 }) else { return }
        while let end = text.offset(of: 0x0A, from: start) {
            var last = end
            while last > start, isBlank(text[last - 1]) { last -= 1 }
            var colon = start
            while colon < last, text[colon] != 0x3A, text[colon] != 0 { colon += 1 }
            // Without a value, what was taken for blank may have been the colon.
            if colon == last, colon < end, text[colon] == 0 { last = colon + 1 }
            if colon < last {
                var first = colon + 1
                while first < last, isBlank(text[first]) { first += 1 }
                body(
                    UnsafeRawBufferPointer(rebasing: text[start..<colon]), UnsafeRawBufferPointer(rebasing: text[first..<last]))
            }
            start = end + 1
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0 }
}
