import Foundation

/// The tool, or another program, as a process of its own: what goes in, what comes out, how it ends.
final class ToolProcess: Sendable {
    /// How a process has ended.
    struct Result: Sendable {
        let code: Int32
        let output: String
        let errors: String
    }

    /// The tool that was built with the tests. It stands beside them.
    static let tool: String = {
        let folder = Bundle.main.bundleURL
        let candidates = [folder.deletingLastPathComponent(), folder].map { $0.appendingPathComponent("millrace").path }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[0]
    }()

    private let process: Process
    private let folder: TemporaryFolder

    /// Starts the tool. Input and output are files, which never fill up and never block.
    static func start(_ arguments: [String], input: String = "") throws -> ToolProcess {
        try ToolProcess(tool, arguments, input: input)
    }

    /// Runs the tool to its end.
    static func run(_ arguments: String..., input: String = "") async throws -> Result {
        try await start(arguments, input: input).end()
    }

    /// Starts a program. It reads `input`, or else what is in `source`; its output goes to `output`, or else to a file.
    init(
        _ program: String, _ arguments: [String], input: String = "", environment: [String: String] = [:],
        source: FileHandle? = nil, output: FileHandle? = nil
    ) throws {
        folder = try TemporaryFolder()
        try input.write(toFile: folder.file("in"), atomically: true, encoding: .utf8)
        for name in ["out", "err"] { _ = FileManager.default.createFile(atPath: folder.file(name), contents: nil) }
        process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = source ?? FileHandle(forReadingAtPath: folder.file("in"))
        process.standardOutput = output ?? FileHandle(forWritingAtPath: folder.file("out"))
        process.standardError = FileHandle(forWritingAtPath: folder.file("err"))
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var id: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// What it has written so far.
    var output: String { (try? String(contentsOfFile: folder.file("out"), encoding: .utf8)) ?? "" }
    var errors: String { (try? String(contentsOfFile: folder.file("err"), encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits until it has ended, on a thread that may block. Kills it and throws when it has not within two minutes.
    func end() async throws -> Result {
        try await Self.blocking {
            for _ in 0..<24_000 {
                if !self.isRunning { return self.process.waitUntilExit() }
                poll(nil, 0, 5)
            }
            self.signal(SIGKILL)
            self.process.waitUntilExit()
            throw Unexpected("it does not end: \(self.errors)")
        }
        let code = process.terminationReason == .uncaughtSignal ? 128 + process.terminationStatus : process.terminationStatus
        return Result(code: code, output: output, errors: errors)
    }

    /// Waits until there is so much output. Throws when it ends before that, or takes more than 20 seconds.
    func waitForOutput(lines: Int) async throws {
        try await wait(for: "\(lines) lines") { self.output.utf8.count(where: { $0 == 0x0A }) >= lines }
    }

    /// Waits until a condition holds. Throws when the process ends before that, or 20 seconds have passed.
    func wait(for what: String, _ condition: @escaping @Sendable () -> Bool) async throws {
        try await Self.blocking {
            for _ in 0..<4_000 {
                if condition() { return }
                guard self.isRunning else { throw Unexpected("\(what): it has ended: \(self.errors)") }
                poll(nil, 0, 5)
            }
            throw Unexpected("\(what): not within 20 seconds: \(self.errors)")
        }
    }

    static func blocking(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}

/// What a test did not expect.
struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A folder of its own, which goes when nobody holds it any more.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}
