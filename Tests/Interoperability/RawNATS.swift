import Foundation
import Millrace
import TestSupport

/// A client that speaks NATS' protocol by itself, so that what is on the wire, and in a stream, is seen as it is. Debian has no other.
struct RawNATS: ForeignClient {
    private struct Answer: Decodable {
        struct Stored: Decodable {
            /// All bytes of the headers.
            var hdrs: Data?
            var data: Data?
        }
        var message: Stored?
    }

    let server: NATSServer

    var description: String { "raw protocol" }

    func write(_ records: [WireRecord], to place: String, at url: String) async throws {
        let client = try await RawNATSClient.connect(to: server)
        for record in records {
            let lines = record.fields.map { Self.text($0.name) + ": " + Self.text($0.value ?? []) }
            try await client.run { try $0.publish(record.body ?? [], to: place, headers: lines.isEmpty ? nil : lines) }
        }
    }

    /// Reads a stream of the topic's name.
    func read(_ count: Int, of place: String, at url: String) async throws -> [WireRecord] {
        let client = try await RawNATSClient.connect(to: server)
        var records: [WireRecord] = []
        for number in 1...count {
            let text = try await client.run { try $0.request("$JS.API.STREAM.MSG.GET.\(place)", #"{"seq":\#(number)}"#) }
            guard let stored = try JSONDecoder().decode(Answer.self, from: Data(text.utf8)).message else {
                throw MillraceError(.invalidState, "message \(number) of \(place): \(text)", isRetriable: false)
            }
            records.append(WireRecord(fields: try Self.fields(stored.hdrs ?? Data()), body: Array(stored.data ?? Data())))
        }
        return records
    }

    /// The fields of `NATS/1.0\r\nname: value\r\n\r\n`.
    static func fields(_ headers: Data) throws -> [WireRecord.Field] {
        var lines: [[UInt8]] = [[]]
        for byte in headers {
            let last = lines.count - 1
            if byte == 0x0A, lines[last].last == 0x0D {
                lines[last].removeLast()
                lines.append([])
            } else {
                lines[last].append(byte)
            }
        }
        // The version first, and at the end the empty line and what is behind it.
        guard lines.first == Array("NATS/1.0".utf8), lines.suffix(2) == [[], []] else {
            throw MillraceError(.decodingFailed, "headers: \(text(Array(headers)))", isRetriable: false)
        }
        return try lines.dropFirst().dropLast(2).map { line in
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), line.count > colon + 1, line[colon + 1] == 0x20 else {
                throw MillraceError(.decodingFailed, "header: \(text(line))", isRetriable: false)
            }
            return WireRecord.Field(Array(line[..<colon]), Array(line[(colon + 2)...]))
        }
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
