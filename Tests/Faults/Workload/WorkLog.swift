import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a worker claims, for the oracle to read: lines at the end of a file.
///
/// Each call is one system call and nothing waits in a buffer, so that a worker which is killed loses nothing that it has claimed.
final class WorkLog: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw MillraceError(.invalidState, "\(path): error \(errno)", isRetriable: false) }
    }

    deinit { close(descriptor) }

    /// Appends whole lines. A log that can't be written makes every verdict worthless: the process ends.
    func append(_ entries: [LogEntry]) {
        var text = entries.map { $0.line + "\n" }.joined()
        let written = text.withUTF8 { write(descriptor, $0.baseAddress, $0.count) }
        guard written == text.utf8.count else { fatalError("the log takes \(written) bytes: error \(errno)") }
    }

    /// Microseconds of a clock that all processes of the machine share.
    static var now: Int64 { SystemClock.shared.now.nanoseconds / 1_000 }
}
