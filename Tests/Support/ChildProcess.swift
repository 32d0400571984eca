package import Foundation
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A program that runs beside the tests and never outlives them.
///
/// A shell between the two starts it and waits. The shell holds the reading end of a pipe, this process the other one: when
/// this process ends, however it does, the pipe closes, and the shell kills the program.
package final class ChildProcess: Sendable {
    private static let script = """
        exec 2>/dev/null
        "$@" >>"$LOG" 2>&1 </dev/null 3<&- & child=$!
        { read -r line <&3; kill -9 $child; } >/dev/null & guard=$!
        exec 3<&-
        echo $child
        exec >&-
        wait $child
        status=$?
        kill $guard
        exit $status
        """

    /// The process id of the program itself.
    package let id: pid_t
    /// The file that its output is appended to.
    package let log: String
    private let shell: pid_t
    private let lifeline: Int32
    /// The shell's status, once it has ended.
    private let status = Lock<Int32?>(nil)

    /// Starts a program of this package, which is built beside the tests, with variables of the environment.
    package convenience init(
        program: String, _ arguments: [String], environment: [String: String] = [:], log: String
    ) throws {
        let variables = environment.map { "\($0.key)=\($0.value)" }
        try self.init(["env"] + variables + [Self.path(of: program)] + arguments, log: log)
    }

    /// Where a program of this package is, which is built beside the tests.
    package static func path(of program: String) throws -> String {
        let folder = Bundle.main.bundleURL.deletingLastPathComponent()
        let candidates = [folder.appending(path: program), Bundle.main.bundleURL.appending(path: program)]
        guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
            throw MillraceError(
                .invalidState, "there is no program '\(program)' in \(candidates.map(\.path))", isRetriable: false)
        }
        return found.path
    }

    /// The complete lines of its output so far.
    package var lines: [Substring] {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return Array(text.split(separator: "\n", omittingEmptySubsequences: false).dropLast())
    }

    /// Starts a program, found on the path. Its output is appended to the file `log`.
    package init(_ arguments: [String], log: String) throws {
        self.log = log
        var alive: [Int32] = [-1, -1]
        var output: [Int32] = [-1, -1]
        guard pipe(&alive) == 0, pipe(&output) == 0 else { throw Self.failure("pipe", errno) }
        // Inherited by another child, the writing end would keep this one alive.
        for descriptor in alive + output { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        #else
        var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Threads of the runtime block signals, and children inherit that: the shell would not see its child end.
        #if canImport(Darwin)
        var attributes: posix_spawnattr_t?
        #else
        var attributes = posix_spawnattr_t()
        #endif
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        // A duplicate onto itself would stay closed on exec: 3 may be what `pipe` has given out.
        let reading = fcntl(alive[0], F_DUPFD_CLOEXEC, 10)
        posix_spawn_file_actions_adddup2(&actions, reading, 3)
        // Sockets of other tests, inherited by a child, would stay open when the tests close them.
        #if canImport(Glibc)
        for descriptor: Int32 in 4..<1_024 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        #endif
        let words = ["sh", "-c", Self.script, "sh"] + arguments
        let environment = ["LOG=\(log)", "PATH=\(getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin")", "LC_ALL=C"]
        var shell: pid_t = 0
        var argv = words.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        let code = posix_spawn(&shell, "/bin/sh", &actions, &attributes, &argv, &envp)
        for text in argv + envp { free(text) }
        for descriptor in [alive[0], reading, output[1]] { _ = close(descriptor) }
        defer { close(output[0]) }
        guard code == 0 else {
            close(alive[1])
            throw Self.failure("posix_spawn", code)
        }
        self.shell = shell
        lifeline = alive[1]
        var text: [UInt8] = []
        var byte: UInt8 = 0
        while read(output[0], &byte, 1) == 1 { if byte != 0x0A { text.append(byte) } }
        id = pid_t(String(decoding: text, as: UTF8.self)) ?? 0
    }

    deinit {
        kill(SIGKILL)
        close(lifeline)
    }

    /// Whether the program still runs.
    package var isRunning: Bool {
        status.withLock { status in
            if status == nil { Self.reap(shell, WNOHANG, into: &status) }
            return status == nil
        }
    }

    /// Sends a signal, if the program still runs, and waits until it has ended.
    package func kill(_ signal: Int32) {
        status.withLock { status in
            if status == nil { Self.reap(shell, WNOHANG, into: &status) }
            guard status == nil, id > 0 else { return }
            _ = Self.send(signal, to: id)
            Self.reap(shell, 0, into: &status)
        }
    }

    /// Waits until the program ends by itself, and returns its exit code, or 128 and more after a signal.
    package func end() -> Int32 {
        status.withLock { status in
            if status == nil { Self.reap(shell, 0, into: &status) }
            return ((status ?? 0) >> 8) & 0xFF
        }
    }

    /// Sends a signal, SIGSTOP for example, and does not wait.
    package func signal(_ signal: Int32) {
        status.withLock { status in
            if status == nil, id > 0 { _ = Self.send(signal, to: id) }
        }
    }

    /// Waits until `condition` holds, up to 10 seconds unless said otherwise. Throws when the program ends before that.
    package func wait(for what: String, seconds: Int = 10, _ condition: () -> Bool) throws {
        for _ in 0..<200 * seconds {
            if condition() { return }
            guard isRunning else {
                throw Self.failure("\(what): the program has ended with \(end()); its output ends with: \(endOfLog)", 0)
            }
            poll(nil, 0, 5)
        }
        throw Self.failure("\(what): not within \(seconds) seconds; see \(log)", 0)
    }

    /// The last lines of the output, in one: reports of tests show the first line of a text, and little more.
    private var endOfLog: String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? log
        return text.split(separator: "\n").suffix(15).joined(separator: " | ")
    }

    private static func send(_ signal: Int32, to process: pid_t) -> Int32 {
        #if canImport(Glibc)
        Glibc.kill(process, signal)
        #elseif canImport(Musl)
        Musl.kill(process, signal)
        #else
        Darwin.kill(process, signal)
        #endif
    }

    private static func reap(_ process: pid_t, _ options: Int32, into status: inout Int32?) {
        var raw: Int32 = 0
        var result: pid_t
        repeat { result = waitpid(process, &raw, options) } while result < 0 && errno == EINTR
        if result != 0 { status = raw }
    }

    private static func failure(_ what: String, _ code: Int32) -> MillraceError {
        let reason = code == 0 ? "" : ": error \(code)"
        return MillraceError(.invalidState, what + reason, isRetriable: false)
    }
}
