import Dispatch
import Foundation
import Millrace

/// A foreign client: the program `kcat`.
enum Kcat {
    /// Runs it with `input` on its standard input, and returns what it prints.
    static func run(_ cluster: MockCluster, _ arguments: [String], input: String = "") async throws -> String {
        let servers = cluster.servers.joined(separator: ",")
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try runHere(["kcat", "-b", servers] + arguments, input) })
            }
        }
    }

    private static func runHere(_ arguments: [String], _ input: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = FileHandle.nullDevice
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        stdin.fileHandleForWriting.closeFile()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw MillraceError(
                .invalidState, "\(arguments.joined(separator: " ")): status \(process.terminationStatus)", isRetriable: false)
        }
        return String(decoding: output, as: UTF8.self)
    }
}
