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

/// A nats-server with JetStream in files.
final class NATSBroker: Broker {
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
            "listen: 127.0.0.1:\(port)", "server_name: faults-\(port)",
            "jetstream { store_dir: \"\(folder.file("jetstream"))\" }",
        ]
        try folder.write(settings.joined(separator: "\n") + "\n", to: "nats.conf")
        server = try ServerProcess(["nats-server", "-c", folder.file("nats.conf")], in: folder, saying: "Server is ready")
        let proxy = try TCPProxy(to: port)
        self.proxy = proxy
        url = "nats://127.0.0.1:\(proxy.port)?ping-interval=1s&connect-timeout=2s"
    }

    func obstacle(to fault: FaultKind) -> String? { nil }

    func restart() async throws { try await server.again(SIGTERM) }

    func crash() async throws { try await server.again(SIGKILL) }

    func publishForeign(_ count: Int, to topic: String) async throws {
        // Without headers, with nothing, with an id that is none, with a header that is not UTF-8.
        let shapes = [
            "PUB \(topic) 4\\r\\ntext", "PUB \(topic) 0\\r\\n",
            "HPUB \(topic) 43 44\\r\\nNATS/1.0\\r\\n_watermill_message_uuid: none\\r\\n\\r\\nx",
            "HPUB \(topic) 19 19\\r\\nNATS/1.0\\r\\na: \\377\\376\\r\\n\\r\\n",
        ]
        let lines = (0..<count).map { shapes[$0 % shapes.count] + "\\r\\n" }.joined()
        let script = """
            exec 3<>/dev/tcp/127.0.0.1/\(port)
            printf 'CONNECT {"verbose":false,"headers":true}\\r\\n\(lines)PING\\r\\n' >&3
            while read -r line <&3; do
                case $line in PONG*) exit 0;; -ERR*) echo "$line"; exit 1;; esac
            done
            exit 1
            """
        try await ForeignClient.run(["bash", "-c", script], in: server.folder)
    }
}
