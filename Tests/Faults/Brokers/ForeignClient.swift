import TestSupport

/// Programs that speak to a broker and know nothing of Millrace.
enum ForeignClient {
    /// Runs a program to its end. Throws with what it has printed when it fails.
    static func run(_ command: [String], in folder: TemporaryFolder) async throws {
        try await BlockingCall.run {
            let program = try ChildProcess(command, log: folder.file("foreign.log"))
            guard program.end() == 0 else {
                throw FaultSuiteError("\(command[0]): \(folder.read("foreign.log").suffix(1_000))")
            }
        }
    }

    /// Runs a script with Debian's own Python, which has its packages.
    static func python(_ script: String, _ arguments: [String], in folder: TemporaryFolder) async throws {
        try folder.write(script, to: "foreign.py")
        try await run(["/usr/bin/python3", folder.file("foreign.py")] + arguments, in: folder)
    }
}
