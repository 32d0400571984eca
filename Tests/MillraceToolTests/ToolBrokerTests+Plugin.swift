import Foundation
import Testing

extension ToolBrokerTests {
    /// `swift package brokers`, as it is typed, with a build folder of its own: that of the tests is in use.
    @Suite(.serialized) struct Plugin {
        private let scratch: TemporaryFolder
        private let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path

        init() throws { scratch = try TemporaryFolder() }

        /// Ends with `code`; if not, what it wrote is shown.
        @discardableResult private func brokers(
            _ words: String..., endWith code: Int32 = 0, at location: SourceLocation = #_sourceLocation
        ) async throws -> ToolProcess.Result {
            let result = try await ToolProcess(
                "/usr/bin/env",
                ["swift", "package", "--package-path", package, "--scratch-path", scratch.path, "brokers"] + words
            ).end()
            #expect(result.code == code, "\(result.errors.suffix(500))", sourceLocation: location)
            return result
        }

        private var outputs: String { scratch.file("plugins/Brokers/outputs") }

        private func left() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: outputs) }

        /// The processes on record, by the name of their broker.
        private func processes() throws -> [String: [Int32]] {
            let data = try Data(contentsOf: URL(fileURLWithPath: outputs + "/brokers.json"))
            let records = try JSONSerialization.jsonObject(with: data) as? [String: [String: Any]] ?? [:]
            return records.mapValues { record in
                (record["processes"] as? [[String: Any]] ?? []).compactMap { ($0["id"] as? Int).map(Int32.init) }
            }
        }

        /// A process that has ended and whose status nobody has asked for yet has ended all the same.
        private func isRunning(_ id: Int32) -> Bool {
            guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8) else { return false }
            return !status.contains("State:\tZ")
        }

        @Test func startsBrokersAndLeavesNothingBehind() async throws {
            let up = try await brokers("up", "redis", "nats", "kafka")
            let started = try processes()
            #expect(started.keys.sorted() == ["kafka", "nats", "redis"])
            #expect(started.values.joined().allSatisfy(isRunning))
            let lines = up.output.split(separator: "\n").filter { $0.hasPrefix("export MILLRACE_") }
            #expect(lines.count == 3)
            let url = try #require(lines.first { $0.contains("REDIS") }?.split(separator: "'").dropFirst().first)
            let check = try await ToolProcess.run("check", "--url", String(url))
            #expect(check.code == 0, "\(check.errors)")

            // Once more: what runs stays as it is.
            #expect(try await brokers("up", "redis").output.contains(url))
            #expect(try processes() == started)
            try await brokers("status")

            try await brokers("down")
            #expect(!started.values.joined().contains(where: isRunning))
            #expect(try left().isEmpty)
            #expect(try await brokers("urls").output.split(separator: "\n").allSatisfy { !$0.hasPrefix("export") })
        }

        /// A process id may belong to somebody else by now.
        @Test func stopsNoStranger() async throws {
            try await brokers("up", "redis")
            let id = try #require(try processes()["redis"]?.first)
            try change(#/"startTime":"[^"]*"/#, to: #""startTime":"1""#)
            let status = try await brokers("status", endWith: 1)
            #expect((status.output + status.errors).contains("not running any more: redis"))
            try await brokers("down")
            #expect(isRunning(id))
            kill(id, SIGKILL)
            #expect(try left().isEmpty)
        }

        /// Somebody pressed Ctrl-C while it was starting: it is on record all the same.
        @Test func takesUpWhatWasCutOff() async throws {
            try await brokers("up", "redis")
            let id = try #require(try processes()["redis"]?.first)
            try change(#/"url":"[^"]*"/#, to: #""url":"""#)
            try await brokers("status", endWith: 1)
            #expect(try await !brokers("urls").output.contains("export"))
            #expect(try await brokers("up", "redis").output.contains("export MILLRACE_REDIS_URL='redis://"))
            #expect(!isRunning(id))
            try await brokers("down")
            #expect(try left().isEmpty)
        }

        private func change(_ pattern: Regex<Substring>, to text: String) throws {
            let record = outputs + "/brokers.json"
            let old = try String(contentsOfFile: record, encoding: .utf8)
            let new = old.replacing(pattern) { _ in text }
            #expect(new != old)
            try new.write(toFile: record, atomically: true, encoding: .utf8)
        }

        @Test func refusesWhatItDoesNotKnow() async throws {
            let result = try await brokers("up", "mysql", endWith: 1)
            #expect(result.errors.contains("there is no broker 'mysql'; there are: redis, nats, rabbitmq, kafka"))
        }
    }
}
