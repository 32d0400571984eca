import Foundation
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A RabbitMQ of its own on free ports of the loopback, with its data in a temporary folder, and a port mapper of its own, so that it
/// meets no other Erlang on this machine. Starting it takes 5 to 15 seconds.
///
/// It ends with the last reference to it, and with this process, however that ends.
package final class RabbitServer: Sendable {
    /// One server for all tests that do not disturb others. Started on first use.
    package static var shared: RabbitServer { get async throws { try await BlockingCall.run { try sharedServer.get() } } }
    private static let sharedServer = Result { try RabbitServer() }
    /// One for those that do, one test after the other.
    package static var disturbed: RabbitServer { get async throws { try await BlockingCall.run { try disturbedServer.get() } } }
    private static let disturbedServer = Result { try RabbitServer() }

    package static func start(_ settings: [String] = [], certificates: TestCertificates? = nil) async throws -> RabbitServer {
        try await BlockingCall.run { try RabbitServer(settings, certificates) }
    }

    /// The program itself: the one in /usr/sbin changes to a user who may not write here.
    private static let programs = "/usr/lib/rabbitmq/bin/"

    package let port: Int
    package let tlsPort: Int
    private let folder: TemporaryFolder
    private let mapper: ChildProcess
    private let environment: [String: String]
    private let process = Lock<ChildProcess?>(nil)

    private init(_ settings: [String] = [], _ certificates: TestCertificates? = nil) throws {
        let ports = try FreePorts.choose(4)
        folder = try TemporaryFolder()
        (port, tlsPort) = (ports[0], ports[3])
        environment = [
            // Where the cookie goes.
            "HOME": folder.path,
            "RABBITMQ_NODENAME": "millrace\(ports[0])@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": "\(ports[0])", "RABBITMQ_DIST_PORT": "\(ports[1])",
            "ERL_EPMD_PORT": "\(ports[2])", "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": folder.file("mnesia"), "RABBITMQ_LOG_BASE": folder.file("logs"),
            "RABBITMQ_PID_FILE": folder.file("pid"), "RABBITMQ_CONFIG_FILE": folder.file("rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder.file("enabled_plugins"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            // Then the script becomes the node, and does not stay behind when it is killed.
            "RUNNING_UNDER_SYSTEMD": "true",
        ]
        var lines = ["listeners.tcp.1 = 127.0.0.1:\(port)", "heartbeat = 10"] + settings
        if let certificates {
            lines += [
                "listeners.ssl.1 = 127.0.0.1:\(tlsPort)", "ssl_options.cacertfile = \(certificates.pem("ca"))",
                "ssl_options.certfile = \(certificates.pem("server"))", "ssl_options.keyfile = \(certificates.key("server"))",
                "ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true",
            ]
        }
        try folder.write(lines.joined(separator: "\n") + "\n", to: "rabbitmq.conf")
        try folder.write("[].\n", to: "enabled_plugins")
        mapper = try ChildProcess(["epmd", "-address", "127.0.0.1", "-port", "\(ports[2])"], log: folder.file("epmd.log"))
        try run()
    }

    private func run() throws {
        let log = folder.file("log")
        let before = Self.starts(in: log)
        let variables = environment.map { "\($0.key)=\($0.value)" }
        let started = try ChildProcess(["env"] + variables + [Self.programs + "rabbitmq-server"], log: log)
        process.withLock { $0 = started }
        try started.wait(for: "rabbitmq-server", seconds: 90) { Self.starts(in: log) > before }
    }

    private static func starts(in log: String) -> Int {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "Starting broker... completed").count - 1
    }

    package var url: String { "amqp://guest:guest@127.0.0.1:\(port)" }

    /// Ends the server in good order.
    package func stop() { end(with: SIGTERM) }

    /// Kills the server on the spot.
    package func kill9() { end(with: SIGKILL) }

    private func end(with signal: Int32) {
        let ended = process.withLock { process in
            defer { process = nil }
            return process
        }
        ended?.kill(signal)
    }

    /// Starts it again, on the same ports and data.
    package func startAgain() async throws { try await BlockingCall.run { [self] in try run() } }

    package func restart() async throws {
        try await BlockingCall.run { [self] in
            stop()
            try run()
        }
    }

    /// Runs `rabbitmqctl`, and returns what it writes. Half a second.
    @discardableResult
    package func control(_ arguments: String...) async throws -> String {
        try await BlockingCall.run { [self] in
            let output = folder.file("control-\(MessageID.next())")
            let variables = environment.map { "\($0.key)=\($0.value)" }
            let process = try ChildProcess(["env"] + variables + [Self.programs + "rabbitmqctl"] + arguments, log: output)
            let status = process.end()
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            guard status == 0 else {
                throw MillraceError(.invalidState, "rabbitmqctl \(arguments): \(status): \(text)", isRetriable: false)
            }
            return text
        }
    }
}
