import Foundation
import Millrace
import TestSupport

/// `kcat`, which writes files as records, and prints records as JSON: texts alone come through.
struct Kcat: ForeignClient {
    private struct Line: Decodable {
        var headers: [String]?
        var key: String?
        var payload: String?
    }

    var description: String { "kcat" }

    /// Whether a sample can take this way: a file that is empty is no record.
    static func canCarry(_ sample: Sample) -> Bool {
        !sample.payload.isEmpty && String(validating: sample.payload, as: UTF8.self) != nil
    }

    private func words(_ url: String, _ rest: [String]) -> [String] {
        ["kcat", "-q", "-b", url.replacingOccurrences(of: "kafka://", with: "")] + rest
    }

    func write(_ records: [WireRecord], to place: String, at url: String) async throws {
        try await BlockingCall.run {
            let folder = try TemporaryFolder()
            for record in records {
                try Data(record.body ?? []).write(to: URL(filePath: folder.file("payload")))
                let headers = record.fields.flatMap { ["-H", Self.text($0.name) + "=" + Self.text($0.value ?? [])] }
                let key = record.key.map { ["-k", Self.text($0)] } ?? []
                try CommandLineClient.run(
                    words(url, ["-P", "-t", place, "-p", "0"] + key + headers + [folder.file("payload")]), folder)
            }
        }
    }

    func read(_ count: Int, of place: String, at url: String) async throws -> [WireRecord] {
        try await BlockingCall.run {
            let output = try CommandLineClient.run(
                words(url, ["-C", "-t", place, "-p", "0", "-o", "beginning", "-c", "\(count)", "-J"]), try TemporaryFolder())
            return try output.split(separator: "\n").map { text in
                let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
                let texts = line.headers ?? []
                let fields = stride(from: 0, to: texts.count - 1, by: 2).map { WireRecord.Field(texts[$0], texts[$0 + 1]) }
                return WireRecord(fields: fields, key: line.key.map { Array($0.utf8) }, body: line.payload.map { Array($0.utf8) })
            }
        }
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
