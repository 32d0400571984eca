import Foundation
import Millrace
import TestSupport
import Testing

extension RedisTests {
    /// The example `configured`, which moves from memory to Redis with one line of its file.
    @Suite("Configured service") struct ConfiguredExample {
        private static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/Examples/configured/service.json")

        /// Runs the program with a file and some variables; returns its exit code and what it wrote.
        private func run(_ json: String, _ variables: [String] = []) async throws -> (code: Int32, output: String) {
            let folder = try TemporaryFolder()
            try folder.write(json, to: "service.json")
            let bundle = Bundle.main.bundleURL
            let candidates = [bundle.deletingLastPathComponent(), bundle].map { $0.appending(path: "configured").path }
            let program = try #require(candidates.first { FileManager.default.isExecutableFile(atPath: $0) })
            return try await BlockingCall.run {
                let process = try ChildProcess(
                    ["env"] + variables + [program, folder.file("service.json")], log: folder.file("log"))
                // Throws when the program has ended, or after ten seconds, when it hangs.
                try? process.wait(for: "the end") { false }
                if process.isRunning { process.kill(9) }
                return (process.end(), folder.read("log"))
            }
        }

        private func invoices(_ output: String) -> [Substring] {
            output.split(separator: "\n").filter { $0.hasPrefix("invoice: ") }
        }

        @Test("runs on memory, and on Redis when one line is another") func oneLine() async throws {
            let file = try String(contentsOf: Self.file, encoding: .utf8)
            let memory = try await run(file)
            #expect(memory.code == 0, "\(memory.output)")
            #expect(invoices(memory.output).count == 3)
            #expect(memory.output.contains("orders -> issue-invoice -> invoices  (memory, group issue-invoice, concurrency 4"))

            let server = try await RedisServer.start(.init(password: "geheim"))
            let line = "\"main\": \"memory:\""
            #expect(file.components(separatedBy: line).count == 2)
            let changed = file.replacingOccurrences(of: line, with: "\"main\": \"\(server.url)?password-env=REDIS_PASSWORD\"")
            let redis = try await run(changed, ["REDIS_PASSWORD=geheim"])
            #expect(redis.code == 0, "\(redis.output)")
            #expect(Set(invoices(redis.output)) == Set(invoices(memory.output)))
            #expect(redis.output.contains("(redis, group issue-invoice, concurrency 4"))
            #expect(try await server.command("XLEN", "invoices") == ":3\r\n")
            // Everything was acknowledged before the end.
            #expect(try await server.command("XPENDING", "invoices", "print").hasPrefix("*4\r\n:0\r\n"))
        }

        @Test("takes its transport and its settings from the environment") func environment() async throws {
            let server = try await RedisServer.start(.init(password: "geheim"))
            let file = try String(contentsOf: Self.file, encoding: .utf8)
            let url = server.url.replacingOccurrences(of: "//", with: "//:geheim@")
            let result = try await run(
                file, ["MILLRACE_TRANSPORTS__MAIN=\(url)", "MILLRACE_HANDLERS__ISSUE_INVOICE__CONCURRENCY=2"])
            #expect(result.code == 0, "\(result.output)")
            #expect(result.output.contains("(redis, group issue-invoice, concurrency 2"))
            #expect(!result.output.contains("geheim"))
        }

        @Test("says what is wrong with its file, and no secret") func errors() async throws {
            let server = try await RedisServer.shared
            let url = "\(server.url)?password-env=REDIS_PASSWORD"
            let refused = try await run(#"{"transports": {"main": "\#(url)"}}"#, ["REDIS_PASSWORD=geheim"])
            #expect(refused.code == 1)
            #expect(refused.output.contains("service.json: transports.main: "))
            #expect(!refused.output.contains("geheim"))
            let unknown = try await run(#"{"transports": {"main": "memory:"}, "handlers": {"prnt": {}}}"#)
            #expect(unknown.code == 1)
            #expect(unknown.output.contains("handlers.prnt: no handler of that name is registered; did you mean 'print'?"))
        }
    }
}
