import Foundation
import Millrace
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A producer or consumer of a cell. It may be killed and started again; each life of it has a number, and a log of its own.
final class WorkerProcess {
    let name: String
    /// The consumer group; empty for the producer.
    let group: String
    private let folder: String
    private let arguments: (_ life: Int, _ log: String) -> [String]
    private(set) var life = 0
    private var process: ChildProcess?
    private var readers: [(life: Int, reader: LogReader)] = []
    private var readiness: Set<Int> = []
    /// The most memory that any of its lives had in use, in kilobytes.
    private(set) var peakMemory = 0

    init(_ name: String, group: String = "", folder: String, arguments: @escaping (_ life: Int, _ log: String) -> [String]) {
        (self.name, self.group, self.folder, self.arguments) = (name, group, folder, arguments)
    }

    /// What this life of it is called.
    var member: String { "\(name).\(life)" }

    var isRunning: Bool { process?.isRunning ?? false }

    /// Whether this life of it has subscribed.
    var isReady: Bool { readiness.contains(life) }

    func start() throws {
        life += 1
        let log = "\(folder)/\(member).log"
        readers.append((life, LogReader(log)))
        process = try ChildProcess(program: "faults", arguments(life, log), log: "\(folder)/\(member).out")
    }

    /// Reads what it has claimed meanwhile.
    func update(_ history: inout History) {
        for (life, reader) in readers {
            reader.read { line in
                if line.hasPrefix("r ") { readiness.insert(life) }
                history.add(line, group: group, member: "\(name).\(life)")
            }
        }
    }

    /// Notes how much memory it has used so far.
    func measure() {
        guard let process, let status = try? String(contentsOfFile: "/proc/\(process.id)/status", encoding: .utf8) else { return }
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        peakMemory = max(peakMemory, line.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0)
    }

    /// Kills it on the spot, and waits until it is gone. Returns when it was, in microseconds.
    func kill() -> Int64 {
        measure()
        process?.kill(SIGKILL)
        return WorkLog.now
    }

    func signal(_ signal: Int32) { process?.signal(signal) }

    /// Asks it to end, and waits for that. Throws when it takes too long, or ends with a failure.
    func shutDown() async throws {
        measure()
        process?.signal(SIGTERM)
        try await waitForEnd(seconds: 45)
    }

    /// Waits until it has ended by itself.
    func waitForEnd(seconds: Int) async throws {
        guard let process else { return }
        try await waiting(for: "the end of \(member)", seconds: seconds) { !process.isRunning }
        let status = process.end()
        guard status == 0 else {
            throw FaultSuiteError("\(member) has ended with status \(status): \(process.lines.suffix(3).joined(separator: " | "))")
        }
    }

    /// Its exit status, once it has ended.
    var status: Int32? { process.flatMap { $0.isRunning ? nil : $0.end() } }
}
