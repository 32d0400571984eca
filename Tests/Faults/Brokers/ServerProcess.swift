import Foundation
import Millrace
import TestSupport

/// A server of its own, with its data in a temporary folder, that can be ended and started again.
final class ServerProcess: Sendable {
    let folder: TemporaryFolder
    private let command: [String]
    private let readiness: String
    private let process = Lock<ChildProcess?>(nil)

    /// Starts a server, and waits for the line of its log that says it is ready.
    init(_ command: [String], in folder: TemporaryFolder, saying readiness: String) throws {
        (self.command, self.folder, self.readiness) = (command, folder, readiness)
        try start()
    }

    func start() throws {
        let before = starts
        let started = try ChildProcess(command, log: folder.file("log"))
        try started.wait(for: command[0], seconds: 60) { starts > before }
        process.withLock { $0 = started }
    }

    /// Its own words count: another server may answer at that port.
    private var starts: Int { folder.read("log").components(separatedBy: readiness).count - 1 }

    func end(_ signal: Int32) {
        let ended = process.withLock { $0.take() }
        ended?.kill(signal)
    }

    /// Ends it by a signal, and starts it again on the same data.
    func again(_ signal: Int32) async throws {
        try await BlockingCall.run { [self] in
            end(signal)
            try start()
        }
    }

    func signal(_ signal: Int32) { process.withLock { $0?.signal(signal) } }

    /// What it has written, line by line.
    var lines: [Substring] { folder.read("log").split(separator: "\n") }
}
