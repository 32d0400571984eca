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

/// A worker from its start to its end.
protocol WorkerLife: AnyObject {
    /// Nil as long as it goes on, zero when it has ended in good order.
    var status: Int32? { get }
    /// What it has said last, for a report.
    var lastWords: String { get }
    /// The most memory that it has had in use, in kilobytes; nil when that can't be told.
    var memory: Int? { get }
    /// Sends a signal: SIGTERM asks it to end.
    func signal(_ signal: Int32)
    /// Ends it on the spot, and waits until it is gone.
    func kill()
}

/// A worker that is a process of its own.
final class ProcessLife: WorkerLife {
    private let process: ChildProcess

    init(_ job: WorkerJob, url: String, output: String) throws {
        process = try ChildProcess(program: "faults", job.words(url: url), log: output)
    }

    var status: Int32? { process.isRunning ? nil : process.end() }

    var lastWords: String { process.lines.suffix(3).joined(separator: " | ") }

    var memory: Int? {
        guard let status = try? String(contentsOfFile: "/proc/\(process.id)/status", encoding: .utf8) else { return nil }
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") }
    }

    func signal(_ signal: Int32) { process.signal(signal) }

    func kill() { process.kill(SIGKILL) }
}

/// A worker that lives in the suite's own process, as a router has to that reads from memory. It can't be killed.
final class TaskLife: WorkerLife, Sendable {
    private struct End {
        let status: Int32
        let words: String
    }

    private let router: Router
    private let end = Lock<End?>(nil)
    /// Whoever starts a worker waits for its ``status``.
    private let task = Lock<Task<Void, Never>?>(nil)

    init(_ job: WorkerJob, on transport: any Transport) {
        let router = WorkerJob.makeRouter([])
        self.router = router
        let task = Task { [self] in
            do {
                try await job.run(on: transport, router, stoppingOn: [])
                end.withLock { $0 = End(status: 0, words: "") }
            } catch {
                end.withLock { $0 = End(status: 1, words: "\(error)") }
            }
        }
        self.task.withLock { $0 = task }
    }

    var status: Int32? { end.withLock { $0?.status } }

    var lastWords: String { end.withLock { $0?.words } ?? "" }

    var memory: Int? { nil }

    func signal(_ signal: Int32) { if signal == SIGTERM { router.shutdown() } }

    func kill() { preconditionFailure("a worker of the suite's own process can't be killed") }
}
