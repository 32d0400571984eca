import Foundation
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A nats-server of its own on a free port of the loopback, with its data in a temporary folder.
///
/// It ends with the last reference to it, and with this process, however that ends. `MILLRACE_NATS_SERVER` names the program, if it is
/// another one than the `nats-server` of the path.
package final class NATSServer: Sendable {
    /// One server for all tests that do not disturb others. Started on first use.
    package static var shared: NATSServer { get async throws { try await BlockingCall.run { try sharedServer.get() } } }
    private static let sharedServer = Result { try NATSServer([]) }

    /// Starts a server with further lines of configuration, on a thread that may block.
    package static func start(_ lines: [String] = [], jetStream: Bool = true) async throws -> NATSServer {
        try await BlockingCall.run { try NATSServer(lines, jetStream: jetStream) }
    }

    package let port: Int
    private let folder: TemporaryFolder
    private let process = Lock<ChildProcess?>(nil)
    /// One restart after the other.
    private let restarting = Lock(())

    private init(_ lines: [String], jetStream: Bool = true) throws {
        folder = try TemporaryFolder()
        // Between the choice of a port and its use somebody else may take it: then another one is tried.
        var attempts = 0
        while true {
            let port = try FreePorts.choose(1)[0]
            let store = jetStream ? ["jetstream { store_dir: \"\(folder.file("jetstream"))\" }"] : []
            let text = (["listen: 127.0.0.1:\(port)", "server_name: millrace-\(port)"] + store + lines).joined(separator: "\n")
            try folder.write(text + "\n", to: "nats.conf")
            do {
                let process = try Self.start(folder)
                self.process.withLock { $0 = process }
                self.port = port
                return
            } catch {
                attempts += 1
                if attempts == 5 { throw error }
            }
        }
    }

    private static func start(_ folder: TemporaryFolder) throws -> ChildProcess {
        let given = ProcessInfo.processInfo.environment["MILLRACE_NATS_SERVER"] ?? ""
        let before = folder.read("log").count
        let process = try ChildProcess(
            [given.isEmpty ? "nats-server" : given, "-c", folder.file("nats.conf")], log: folder.file("log"))
        // Its own words: another server may answer at that port.
        try process.wait(for: "nats-server") { folder.read("log").dropFirst(before).contains("Server is ready") }
        return process
    }

    package var url: String { "nats://127.0.0.1:\(port)" }

    /// Ends the server in good order. Does nothing when it is stopped already.
    package func stop() async throws { try await BlockingCall.run { [self] in end(with: SIGTERM) } }

    /// Kills the server on the spot.
    package func kill9() async throws { try await BlockingCall.run { [self] in end(with: SIGKILL) } }

    /// Starts the server again, on the same port and data, after a stop if it runs.
    package func restart(killing: Bool = false) async throws {
        try await BlockingCall.run { [self] in
            try restarting.withLock { _ in
                end(with: killing ? SIGKILL : SIGTERM)
                let new = try Self.start(folder)
                process.withLock { $0 = new }
            }
        }
    }

    /// Lets the server hang until ``resume()``: connections stay open, nothing is answered.
    package func pause() { process.withLock { $0?.signal(SIGSTOP) } }
    package func resume() { process.withLock { $0?.signal(SIGCONT) } }

    private func end(with signal: Int32) {
        let process = process.withLock { $0.take() }
        process?.signal(SIGCONT)
        process?.kill(signal)
    }

    package var log: String { folder.read("log") }
}
