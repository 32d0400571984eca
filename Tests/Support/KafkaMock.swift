import Foundation
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The program `kafka-mock`: brokers of librdkafka's own, for all tests and for other processes.
package final class KafkaMock: Sendable {
    package static var shared: KafkaMock { get async throws { try await BlockingCall.run { try started.get() } } }
    private static let started = Result { try KafkaMock() }

    private let folder: TemporaryFolder
    private let process: ChildProcess
    private let commands = Lock(0)
    /// The brokers' addresses.
    package let servers: [String]

    package var url: String { "kafka://" + servers.joined(separator: ",") }

    package init(brokers: Int = 1) throws {
        folder = try TemporaryFolder()
        // It ends at the end of its input. A pipe that it holds both ends of has none.
        let pipe = folder.file("commands")
        guard mkfifo(pipe, 0o600) == 0 else {
            throw MillraceError(.invalidState, "there is no pipe at \(pipe): error \(errno)", isRetriable: false)
        }
        let program = try ChildProcess.path(of: "kafka-mock")
        process = try ChildProcess(["sh", "-c", "exec \"$0\" \(brokers) <>\"$1\"", program, pipe], log: folder.file("log"))
        try process.wait(for: "kafka-mock") { [process] in process.lines.first?.contains(":") ?? false }
        servers = process.lines[0].split(separator: ",").map(String.init)
    }

    /// Makes a topic with one partition, so that all of it has one order.
    package func create(_ topic: String) async throws { try await BlockingCall.run { [self] in try tell("topic \(topic) 1") } }

    /// Tells the brokers something, as the program has it, and waits until they have done it.
    package func tell(_ command: String) throws {
        try commands.withLock { count in
            let pipe = try FileHandle(forWritingTo: URL(filePath: folder.file("commands")))
            try pipe.write(contentsOf: Data("\(command)\n".utf8))
            try pipe.close()
            count += 1
            try process.wait(for: command) { [process, count] in process.lines.count > count }
            guard process.lines[count] == "ok" else {
                throw MillraceError(
                    .invalidState, "kafka-mock: \(command): \(process.lines[count])", isRetriable: false)
            }
        }
    }

    /// Sends the program a signal: SIGSTOP has all brokers hang.
    package func signal(_ signal: Int32) { process.signal(signal) }
}
