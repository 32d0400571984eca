import Millrace
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A redis-server of its own on a free port of the loopback, with its data in a temporary folder.
///
/// It ends with the last reference to it, and with this process, however that ends. It never touches port 6379.
final class RedisServer: Sendable {
    /// How a server is started.
    struct Settings: Sendable {
        /// The password of the default user. Nil: none is needed.
        var password: String?
        /// Whether every write is on disk before it is answered, so that it survives ``kill9()``.
        var isDurable = false
        /// Whether a port for TLS is opened too, with the certificate `server`.
        var certificates: TestCertificates?
        /// Whether clients have to show a certificate on that port.
        var requiresClientCertificate = false
        /// More of the configuration, line by line.
        var extra: [String] = []
    }

    private struct State {
        var process: ChildProcess?
    }

    /// One server for all tests that do not disturb others. Started on first use.
    static var shared: RedisServer { get async throws { try await BlockingCall.run { try sharedServer.get() } } }
    private static let sharedServer = Result { try RedisServer() }

    /// Starts a server, on a thread that may block: the tests' own are few, and others would stand still.
    static func start(_ settings: Settings = Settings()) async throws -> RedisServer {
        try await BlockingCall.run { try RedisServer(settings) }
    }

    let port: Int
    /// The port for TLS, when there are certificates.
    let tlsPort: Int?
    let settings: Settings
    private let folder: TemporaryFolder
    private let state = Lock(State())
    /// One restart after the other.
    private let restarting = Lock(())

    /// Starts a server and waits until it answers.
    private init(_ settings: Settings = Settings()) throws {
        self.settings = settings
        folder = try TemporaryFolder()
        // Between the choice of a port and its use somebody else may take it: then another one is tried.
        var attempts = 0
        while true {
            let ports = try FreePorts.choose(settings.certificates == nil ? 1 : 2)
            do {
                let process = try Self.start(settings, folder, ports)
                port = ports[0]
                tlsPort = ports.count > 1 ? ports[1] : nil
                state.withLock { $0.process = process }
                return
            } catch {
                attempts += 1
                if attempts == 5 { throw error }
            }
        }
    }

    /// The URL without user and password.
    var url: String { "redis://127.0.0.1:\(port)" }

    /// The process id, or nil when the server is stopped.
    var processID: Int32? { state.withLock { $0.process?.id } }

    /// Ends the server in good order, as SIGTERM does. Does nothing when it is stopped already.
    func stop() { end(with: SIGTERM) }

    /// Kills the server on the spot.
    func kill9() { end(with: SIGKILL) }

    /// Starts the server again, on the same ports and data, after ``stop()`` if it runs.
    func restart() async throws { try await BlockingCall.run { [self] in try restartHere() } }

    private func restartHere() throws { try restarting.withLock { _ in try stopAndStart() } }

    private func stopAndStart() throws {
        stop()
        let process = try Self.start(settings, folder, [port] + (tlsPort.map { [$0] } ?? []))
        state.withLock { $0.process = process }
    }

    /// Lets the server hang until ``resume()``: connections stay open, nothing is answered.
    func pause() { state.withLock { $0.process?.signal(SIGSTOP) } }

    func resume() { state.withLock { $0.process?.signal(SIGCONT) } }

    /// Sends a command over a connection of its own and returns the answer as it comes on the wire.
    func command(_ arguments: String...) async throws -> String {
        try await BlockingCall.run { [self] in try Self.ask(port, settings.password, arguments) }
    }

    private func end(with signal: Int32) {
        let process = state.withLock { state in
            defer { state.process = nil }
            return state.process
        }
        // One that hangs hears nothing but SIGKILL.
        process?.signal(SIGCONT)
        process?.kill(signal)
    }

    private static func start(_ settings: Settings, _ folder: TemporaryFolder, _ ports: [Int]) throws -> ChildProcess {
        var lines = [
            "bind 127.0.0.1", "port \(ports[0])", "dir \(folder.path)", "save \"\"", "daemonize no",
            "appendonly \(settings.isDurable ? "yes" : "no")", "appendfsync always", "enable-debug-command yes",
        ]
        if let password = settings.password { lines.append("requirepass \"\(password)\"") }
        if let certificates = settings.certificates, ports.count > 1 {
            lines += [
                "tls-port \(ports[1])", "tls-cert-file \(certificates.pem("server"))",
                "tls-key-file \(certificates.key("server"))", "tls-ca-cert-file \(certificates.pem("ca"))",
                "tls-auth-clients \(settings.requiresClientCertificate ? "yes" : "no")",
            ]
        }
        try folder.write((lines + settings.extra).joined(separator: "\n") + "\n", to: "redis.conf")
        let process = try ChildProcess(["redis-server", folder.file("redis.conf")], log: folder.file("log"))
        // Another server may answer at that port: the process id tells. And one that still loads its data answers little.
        try process.wait(for: "redis-server") {
            guard let answer = try? ask(ports[0], settings.password, ["INFO"]) else { return false }
            return answer.contains("process_id:\(process.id)\r\n") && answer.contains("\r\nloading:0\r\n")
        }
        return process
    }

    private static let okay = Array("+OK\r\n".utf8)

    static func ask(_ port: Int, _ password: String?, _ arguments: [String]) throws -> String {
        let descriptor = try Loopback.connect(port)
        defer { _ = Loopback.close(descriptor) }
        // The server hangs up when it has answered everything, so that the answer needs no parsing.
        let commands = (password.map { [["AUTH", $0]] } ?? []) + [arguments]
        let text = commands.map { command in
            "*\(command.count)\r\n" + command.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        }.joined()
        try Loopback.write(Array(text.utf8), to: descriptor)
        shutdown(descriptor, Int32(SHUT_WR))
        // In bytes: to a String, CR and LF are one character.
        let answer = Loopback.readAll(descriptor).dropFirst(password == nil ? 0 : okay.count)
        return String(decoding: answer, as: UTF8.self)
    }
}
