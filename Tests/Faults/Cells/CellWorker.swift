import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A producer or consumer of a cell. It may be killed and started again; each life of it has a number, and a log of its own.
final class CellWorker {
    let name: String
    /// The consumer group; empty for the producer.
    let group: String
    private let folder: String
    private let begin: (_ life: Int, _ log: String, _ output: String) throws -> any WorkerLife
    private(set) var life = 0
    private var current: (any WorkerLife)?
    private var readers: [(life: Int, reader: LogReader)] = []
    private var readiness: Set<Int> = []
    /// The most memory that any of its lives had in use, in kilobytes; nil when that can't be told.
    private(set) var peakMemory: Int?

    init(
        _ name: String, group: String = "", folder: String,
        begin: @escaping (_ life: Int, _ log: String, _ output: String) throws -> any WorkerLife
    ) {
        (self.name, self.group, self.folder, self.begin) = (name, group, folder, begin)
    }

    /// What this life of it is called.
    var member: String { "\(name).\(life)" }

    /// Nil as long as it goes on.
    var status: Int32? { current?.status }

    /// Whether this life of it has subscribed.
    var isReady: Bool { readiness.contains(life) }

    func start() throws {
        life += 1
        let log = "\(folder)/\(member).log"
        readers.append((life, LogReader(log)))
        current = try begin(life, log, "\(folder)/\(member).out")
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
        if let memory = current?.memory { peakMemory = max(peakMemory ?? 0, memory) }
    }

    /// Kills it on the spot, and waits until it is gone. Returns when that began, in microseconds: on a busy machine others have
    /// what it had before it is known to be gone.
    func kill() -> Int64 {
        measure()
        let time = WorkLog.now
        current?.kill()
        return time
    }

    func signal(_ signal: Int32) { current?.signal(signal) }

    /// Throws when it has ended, and not in good order.
    func checkHealth() throws {
        guard let status, status != 0 else { return }
        throw FaultSuiteError("\(member) has ended with status \(status): \(current?.lastWords ?? "")")
    }
}
