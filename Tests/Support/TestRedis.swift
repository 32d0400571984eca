import Foundation
import Millrace
import Synchronization

/// The Redis server of tests that share one: that of `MILLRACE_REDIS_URL`, or else one of their own, which ends with this process.
package enum TestRedis {
    package static var url: String { get throws { try started.get() } }

    private static let started = Result<String, any Error> {
        if let url = ProcessInfo.processInfo.environment["MILLRACE_REDIS_URL"], !url.isEmpty { return url }
        return try start()
    }

    /// What has to live as long as the server is to.
    private static let lifeline = Mutex<Pipe?>(nil)

    private static func start() throws -> String {
        var failure = "it was not tried"
        // Somebody else may have the port.
        for _ in 0..<10 {
            let port = Int.random(in: 10_000..<32_000)
            let pipe = Pipe()
            let output = Pipe()
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            // The shell ends the server when the pipe closes, which it does when this process ends, however that happens.
            let script = """
                redis-server --bind 127.0.0.1 --port \(port) --save '' --appendonly no --daemonize no 2>&1 </dev/null & server=$!
                read -r line
                kill -9 $server
                """
            process.arguments = ["-c", script]
            process.standardInput = pipe
            process.standardOutput = output
            process.currentDirectoryURL = FileManager.default.temporaryDirectory
            try process.run()
            var text = ""
            while !text.contains("Ready to accept connections") {
                let data = output.fileHandleForReading.availableData
                guard !data.isEmpty, !text.contains("Address already in use") else { break }
                text += String(decoding: data, as: UTF8.self)
            }
            guard text.contains("Ready to accept connections") else {
                failure = text
                continue
            }
            // Not read any more, so that the server must not wait for somebody who does.
            output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
            lifeline.withLock { $0 = pipe }
            return "redis://127.0.0.1:\(port)"
        }
        throw MillraceError(.connectionFailed, "redis-server can't be started: \(failure)", isRetriable: false)
    }
}
