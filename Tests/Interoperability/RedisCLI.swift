import Millrace
import TestSupport

/// `redis-cli`, which reads commands from its input and prints strings, both with escapes for what is not text.
struct RedisCLI: ForeignClient {
    var description: String { "redis-cli" }

    func write(_ records: [WireRecord], to place: String, at url: String) async throws {
        try await BlockingCall.run {
            let folder = try TemporaryFolder()
            let commands = records.map { record in
                "XADD \(place) * "
                    + record.fields.map { "\(Self.quoted($0.name)) \(Self.quoted($0.value ?? []))" }.joined(separator: " ")
            }
            try folder.write(commands.joined(separator: "\n") + "\n", to: "commands")
            try CommandLineClient.run(["redis-cli", "-e", "-u", url], folder, input: "commands")
        }
    }

    func read(_ count: Int, of place: String, at url: String) async throws -> [WireRecord] {
        try await BlockingCall.run {
            let words = ["redis-cli", "-e", "-u", url, "--no-raw", "XRANGE", place, "-", "+"]
            var records: [WireRecord] = []
            var name: [UInt8]?
            // ` 1) 1) "1700000000000-0"` begins an entry, `    2) 1) "name"` and `       2) "value"` go on with it.
            for line in try CommandLineClient.run(words, try TemporaryFolder()).split(separator: "\n") {
                guard let text = Self.unquoted(line) else { continue }
                if line.prefix(3).contains(")") {
                    records.append(WireRecord())
                } else if let known = name {
                    records[records.count - 1].fields.append(WireRecord.Field(known, text))
                    name = nil
                } else {
                    name = text
                }
            }
            return records
        }
    }

    private static func quoted(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text = Array("\"".utf8)
        for byte in bytes { text += [0x5C, 0x78, digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self) + "\""
    }

    /// The string of a line, from its first quotation mark on; nil without one.
    private static func unquoted(_ line: Substring) -> [UInt8]? {
        let bytes = Array(line.utf8)
        guard let start = bytes.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        var text: [UInt8] = []
        var index = start + 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count else {
                text.append(bytes[index])
                index += 1
                continue
            }
            index += 2
            switch bytes[index - 1] {
            case UInt8(ascii: "x"):
                text.append(UInt8(String(decoding: bytes[index..<min(bytes.count, index + 2)], as: UTF8.self), radix: 16) ?? 0)
                index += 2
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "a"): text.append(0x07)
            case UInt8(ascii: "b"): text.append(0x08)
            case let other: text.append(other)
            }
        }
        return text
    }
}
