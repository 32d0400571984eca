import Millrace
import TestSupport

/// A Sentinel of a test's own, which alone decides on a fail-over, and soon.
final class RedisSentinel: Sendable {
    let port: Int
    private let folder: TemporaryFolder
    private let process: ChildProcess

    /// Starts it, and waits until it answers.
    init(watching primary: Int, as name: String) throws {
        folder = try TemporaryFolder()
        port = try FreePorts.choose(1)[0]
        let lines = [
            "bind 127.0.0.1", "port \(port)", "dir \(folder.path)", "sentinel monitor \(name) 127.0.0.1 \(primary) 1",
            "sentinel down-after-milliseconds \(name) 500", "sentinel failover-timeout \(name) 5000",
        ]
        try folder.write(lines.joined(separator: "\n") + "\n", to: "sentinel.conf")
        process = try ChildProcess(["redis-server", folder.file("sentinel.conf"), "--sentinel"], log: folder.file("log"))
        let port = port
        try process.wait(for: "a Sentinel") { (try? RedisServer.ask(port, nil, ["PING"]))?.hasPrefix("+PONG") == true }
    }

    /// Sends a command over a connection of its own and returns the answer as it comes on the wire.
    func command(_ arguments: String...) async throws -> String {
        let port = port
        return try await BlockingCall.run { try RedisServer.ask(port, nil, arguments) }
    }
}
