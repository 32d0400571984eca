import Millrace
import MillraceTesting
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A Redis that has every write on the disk before it answers.
final class RedisBroker: Broker {
    private let server: ServerProcess
    private let port: Int
    let proxy: TCPProxy?
    let url: String
    let scope = Oracle.OrderScope.member
    let takeover = cellLease + .seconds(1)

    init() throws {
        let folder = try TemporaryFolder()
        port = try FreePorts.choose(1)[0]
        let settings = [
            "bind 127.0.0.1", "port \(port)", "dir \(folder.path)", "save \"\"", "daemonize no", "appendonly yes",
            "appendfsync always",
        ]
        try folder.write(settings.joined(separator: "\n") + "\n", to: "redis.conf")
        server = try ServerProcess(
            ["redis-server", folder.file("redis.conf")], in: folder, saying: "Ready to accept connections")
        let proxy = try TCPProxy(to: port)
        self.proxy = proxy
        url = "redis://127.0.0.1:\(proxy.port)?connect-timeout=2s&command-timeout=3s&claim-interval=500ms"
    }

    func obstacle(to fault: FaultKind) -> String? { nil }

    func restart() async throws { try await server.again(SIGTERM) }

    func crash() async throws { try await server.again(SIGKILL) }

    func publishForeign(_ count: Int, to topic: String) async throws {
        // Without an id, with metadata that is no map, with an id that is none, with nothing of the layout.
        let shapes = [
            ["payload", "from redis-cli"], ["metadata", "no map", "payload", ""],
            ["_watermill_message_uuid", "none", "metadata", "", "payload", "x"], ["anything", "else"],
        ]
        for number in 0..<count {
            try await ForeignClient.run(
                ["redis-cli", "-p", "\(port)", "XADD", topic, "*"] + shapes[number % shapes.count], in: server.folder)
        }
    }
}
