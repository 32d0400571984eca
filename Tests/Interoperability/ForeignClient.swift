import Foundation
import Millrace
import TestSupport

/// A client of a broker that knows nothing of Millrace.
protocol ForeignClient: Sendable, CustomStringConvertible {
    /// Writes records to a stream, topic, exchange or table.
    func write(_ records: [WireRecord], to place: String, at url: String) async throws
    /// Reads the first records of a stream, topic or table, or the next of a queue.
    func read(_ count: Int, of place: String, at url: String) async throws -> [WireRecord]
}

/// One that is driven by a script in Python: a file of the folder `Clients`.
struct PythonClient: ForeignClient {
    /// The system's own, which has Debian's packages.
    static let system = "/usr/bin/python3"

    let script: String
    var interpreter = PythonClient.system

    var description: String { script }

    func write(_ records: [WireRecord], to place: String, at url: String) async throws {
        try await BlockingCall.run {
            let folder = try TemporaryFolder()
            try folder.write(String(decoding: try JSONEncoder().encode(records), as: UTF8.self), to: "records.json")
            try run(["write", url, place, folder.file("records.json")], folder)
        }
    }

    func read(_ count: Int, of place: String, at url: String) async throws -> [WireRecord] {
        try await BlockingCall.run {
            let folder = try TemporaryFolder()
            try run(["read", url, place, folder.file("records.json"), "\(count)"], folder)
            return try JSONDecoder().decode([WireRecord].self, from: Data(folder.read("records.json").utf8))
        }
    }

    /// Runs the script with any arguments, and returns what it prints.
    @discardableResult
    func run(_ arguments: String...) async throws -> String {
        try await BlockingCall.run { try run(arguments, try TemporaryFolder()) }
    }

    @discardableResult
    private func run(_ arguments: [String], _ folder: TemporaryFolder) throws -> String {
        let clients = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Clients")
        let words = [interpreter, "-B", clients.appending(path: script).path] + arguments
        return try CommandLineClient.run(words, folder)
    }
}

/// What clients have in common that are programs.
enum CommandLineClient {
    /// Runs a program to its end, with a file of the folder as its input if there is one, and returns what it prints.
    @discardableResult
    static func run(_ words: [String], _ folder: TemporaryFolder, input: String? = nil) throws -> String {
        let output = "output-\(MessageID.next())"
        let shell = input.map { ["sh", "-c", "input=$1; shift; exec \"$@\" <\"$input\"", "sh", folder.file($0)] } ?? []
        let process = try ChildProcess(shell + words, log: folder.file(output))
        let status = process.end()
        guard status == 0 else {
            let command = words.prefix(6).joined(separator: " ")
            throw MillraceError(.invalidState, "\(command): \(status): \(folder.read(output))", isRetriable: false)
        }
        return folder.read(output)
    }
}
