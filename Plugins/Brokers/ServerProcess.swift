import Foundation

/// A process that outlives the plugin, and that a later run of the plugin knows again.
struct ServerProcess: Codable {
    /// The process id.
    let id: Int32
    /// When it was started, as the system has it. A process id may be given to another program later; this tells them apart.
    let startTime: String
    /// What it ends on.
    var signal = SIGTERM

    /// Starts a program in a session of its own, so that neither Ctrl-C nor the end of the terminal reaches it.
    static func start(_ words: [String], environment: [String: String], input: String, log: String, in folder: String) throws
        -> ServerProcess
    {
        // Inherited: a server that dumps something does so there.
        guard chdir(folder) == 0 else { throw Failure("there is no folder \(folder)") }
        // SwiftPM waits for the end of the plugin's output: a server that inherits it would keep it open.
        for descriptor in Int32(3)..<256 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
        #else
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDWR, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // The plugin runs on a thread that takes no signals, and a child inherits that: it would not hear SIGTERM.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        #if canImport(Darwin)
        let newSession = Int32(POSIX_SPAWN_SETSID)
        #else
        let newSession: Int32 = 0x80  // POSIX_SPAWN_SETSID, which needs _GNU_SOURCE.
        #endif
        posix_spawnattr_setflags(&attributes, Int16(newSession | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var argv = words.map { strdup($0) } + [nil]
        var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var id: pid_t = 0
        let code = posix_spawn(&id, words[0], &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw Failure("\(words[0]) can't be started: error \(code)") }
        guard let process = ServerProcess(running: id) else { throw Failure("\(words[0]) has ended at once") }
        return process
    }

    /// A process that runs; nil if there is none with that id.
    init?(running id: Int32) {
        guard let startTime = Self.startTime(of: id) else { return nil }
        self.id = id
        self.startTime = startTime
    }

    /// Whether that very process runs.
    var isRunning: Bool { Self.startTime(of: id) == startTime }

    /// Asks the process to end, and after 20 seconds no longer asks.
    func end() throws {
        guard isRunning else { return }
        kill(id, signal)
        if waitUntilEnded(seconds: 20) { return }
        // With the whole session, if it has one: what it has started is not to be left.
        kill(getpgid(id) == id ? -id : id, SIGKILL)
        guard waitUntilEnded(seconds: 5) else { throw Failure("process \(id) does not end") }
    }

    private func waitUntilEnded(seconds: Int) -> Bool {
        let end = Date(timeIntervalSinceNow: Double(seconds))
        while Date() < end {
            // When this run of the plugin has started it, nobody else takes note of its end.
            var status: Int32 = 0
            _ = waitpid(id, &status, WNOHANG)
            if !isRunning { return true }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return false
    }

    /// Nil when there is no such process, or only its exit status is left.
    private static func startTime(of id: Int32) -> String? {
        #if os(Linux)
        // The name, which may hold anything, is in parentheses; behind it come the state and, as the 20th, the start time.
        guard let line = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
            let fields = line.lastIndex(of: ")").map({ line[$0...].split(separator: " ").dropFirst() }), fields.count >= 20
        else { return nil }
        let values = Array(fields)
        return ["Z", "X"].contains(values[0]) ? nil : String(values[19])
        #else
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/ps")
        process.arguments = ["-o", "state=,lstart=", "-p", "\(id)"]
        let output = Pipe()
        process.standardOutput = output
        guard (try? process.run()) != nil else { return nil }
        let line = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let words = line.split(whereSeparator: \.isWhitespace)
        return words.first.map { $0.hasPrefix("Z") } ?? true ? nil : words.dropFirst().joined(separator: " ")
        #endif
    }
}
