import Foundation
internal import Millrace

extension Command {
    private enum Options {
        static let format = Option(
            "format", "f", value: "FORMAT", .oneOf(["text", "json"]), fallback: "text", help: "How to print it")
    }

    /// What is known of a broker.
    struct Check: Codable, Sendable {
        let url: String
        let system: String
        let broker: BrokerInfo?
        let connectMilliseconds: Double
        /// The median of ten round trips; nil when the transport can't ask its broker.
        let roundTripMilliseconds: Double?
        let capabilities: [String]
    }

    /// Connects and tells what it finds.
    static let check = Command(
        "check", "Connects to a broker and tells its version, its latency and what it can do", [], [.url, Options.format],
        examples: ["millrace check --url redis://127.0.0.1:6379"]
    ) { arguments, session in
        let url = try arguments.url(session)
        let check: Check = try await session.cancellingWhenInterrupted { try await look(at: url, session) }
        if arguments.text(Options.format) == "json" {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            session.output.print(String(decoding: try encoder.encode(check), as: UTF8.self))
        } else {
            session.output.print("url:          \(check.url)")
            session.output.print("broker:       \(check.broker.map { "\($0.name) \($0.version)" } ?? check.system)")
            session.output.print("connected in: \(check.connectMilliseconds.text(2)) ms")
            if let time = check.roundTripMilliseconds { session.output.print("round trip:   \(time.text(2)) ms") }
            session.output.print("capabilities: \(check.capabilities.joined(separator: ", "))")
        }
        return ExitCode.success
    }

    private static func look(at url: TransportURL, _ session: Session) async throws -> Check {
        let clock = ContinuousClock()
        let start = clock.now
        return try await session.withTransport(url) { transport in
            let connect = start.duration(to: clock.now) / .milliseconds(1)
            var times: [Double] = []
            var broker: BrokerInfo?
            if let administration = transport as? any TransportAdministration {
                for _ in 0..<10 {
                    let start = clock.now
                    broker = try await administration.broker()
                    times.append(start.duration(to: clock.now) / .milliseconds(1))
                }
            }
            return Check(
                url: "\(url)", system: transport.system, broker: broker, connectMilliseconds: connect,
                roundTripMilliseconds: BenchRow.Spread(times)?.median,
                capabilities: "\(transport.capabilities)".split(separator: ", ").map(String.init))
        }
    }
}
