import Foundation

/// A kind of broker: how it is found and started.
struct Broker: Sendable {
    /// What it is called on the command line.
    let name: String
    /// The environment variable for its URL.
    let variable: String
    /// The programs that it takes.
    let programs: [String]
    /// The Debian package that has them.
    let package: String
    /// Starts it, waits until it answers, and returns its URL.
    let start: @Sendable (inout Starting) throws -> String

    static let all = [redis, nats, rabbitMQ, kafka]

    /// The package to install; nil when everything is there.
    var missingPackage: String? { programs.allSatisfy { Program.path($0) != nil } ? nil : package }
}

/// Where programs are: on the path, and where Debian puts servers.
enum Program {
    private static let more = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin"]

    static func path(_ name: String) -> String? {
        if name.contains("/") { return FileManager.default.isExecutableFile(atPath: name) ? name : nil }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init) + more
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

/// A broker on its way up.
struct Starting {
    let name: String
    /// Its data, its configuration and its log.
    let folder: URL
    /// What was started so far.
    private(set) var processes: [ServerProcess] = []
    /// Puts on record what was started so far, so that it is not lost when this run of the plugin is cut off.
    private let record: ([ServerProcess]) throws -> Void

    init(name: String, folder: URL, record: @escaping ([ServerProcess]) throws -> Void) {
        self.name = name
        self.folder = folder
        self.record = record
    }

    var log: String { path("log") }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    /// Starts a program, with its output in the log.
    mutating func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], input: String = "/dev/null",
        endsOn signal: Int32 = SIGTERM
    ) throws -> ServerProcess {
        guard let path = Program.path(program) else { throw Failure("there is no program '\(program)'") }
        var process = try ServerProcess.start(
            [path] + arguments, environment: environment, input: input, log: log, in: folder.path)
        process.signal = signal
        processes.append(process)
        try record(processes)
        return process
    }

    /// Takes up a process that another one has started and whose id is in a file.
    mutating func adopt(processOf file: String) throws {
        let text = try String(contentsOfFile: path(file), encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let id = Int32(text), let process = ServerProcess(running: id) else {
            throw Failure("there is no process '\(text)', which \(path(file)) names")
        }
        processes.append(process)
        try record(processes)
    }

    /// Looks again and again, up to `seconds`, until there is an answer. Throws when a process ends before that.
    func wait<Answer>(seconds: Int, for what: String, _ look: () -> Answer?) throws -> Answer {
        let end = Date(timeIntervalSinceNow: Double(seconds))
        while Date() < end {
            guard processes.allSatisfy(\.isRunning) else { throw Failure("it has ended") }
            // It may have ended, and another one have answered in its place.
            if let answer = look(), processes.allSatisfy(\.isRunning) { return answer }
            Thread.sleep(forTimeInterval: 0.02)
        }
        throw Failure("\(what): not within \(seconds) seconds")
    }

    /// Waits until the log has a line with such a text, and returns that line.
    func waitForLog(seconds: Int, _ text: String) throws -> String {
        try wait(seconds: seconds, for: "'\(text)' in its log") {
            guard let log = try? String(contentsOfFile: log, encoding: .utf8) else { return nil }
            // Only whole lines: the last one may still be on its way.
            return log.split(separator: "\n", omittingEmptySubsequences: false).dropLast().first { $0.contains(text) }.map(
                String.init)
        }
    }
}
