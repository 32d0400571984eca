import Foundation
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

/// librdkafka's mock brokers, in a process of their own. They speak Kafka's protocol and keep everything in memory.
///
/// They tell clients their own addresses, so that no proxy can stand in between: what a network does is done by the brokers, and by
/// stopping their process.
final class KafkaBroker: Broker {
    private static let brokers = 1...3
    private static let hungFor = Duration.seconds(2)

    private let mock: KafkaMock
    private let folder: TemporaryFolder
    let proxy: TCPProxy? = nil
    let url: String
    let scope = Oracle.OrderScope.group
    /// The session of a member that is silent, and the rebalance.
    let takeover = Duration.seconds(10)
    /// Nothing is committed while a rebalance is under way.
    let isGroupHeldUp = true

    init() throws {
        (mock, folder) = (try KafkaMock(brokers: Self.brokers.upperBound), try TemporaryFolder())
        url =
            mock.url + "?session-timeout=6s&revoke-timeout=4s&commit-interval=200ms"
            + "&property.heartbeat.interval.ms=200&property.fetch.wait.max.ms=50"
    }

    func obstacle(to fault: FaultKind) -> String? {
        guard fault == .brokerKill else { return nil }
        return "the mock brokers keep everything in memory: what they had accepted would be gone"
    }

    /// Groups need no preparation: one that has committed nothing begins at the first message.
    func prepare(topic: String, groups: [String]) async throws { try mock.tell("topic \(topic) 4") }

    /// The nearest that there is: all brokers are away for a while, and keep what they have.
    func restart() async throws {
        for broker in Self.brokers { try mock.tell("down \(broker)") }
        try await SystemClock.shared.sleep(for: Self.hungFor)
        for broker in Self.brokers { try mock.tell("up \(broker)") }
    }

    func crash() async throws { throw FaultSuiteError("the mock brokers can't be killed") }

    /// One broker after another, in an order that is drawn, drops its connections.
    func cut(_ random: RandomSource) async throws {
        for broker in Self.brokers.map({ ($0, random.next()) }).sorted(by: { $0.1 < $1.1 }).map(\.0) {
            try mock.tell("down \(broker)")
            try mock.tell("up \(broker)")
            try await SystemClock.shared.sleep(for: random.duration(upTo: .milliseconds(300)))
        }
    }

    func hang() throws { mock.signal(SIGSTOP) }

    func slow(by delay: Duration) throws {
        for broker in Self.brokers { try mock.tell("rtt \(broker) \(2 * delay.wholeMilliseconds)") }
    }

    func recover() throws {
        mock.signal(SIGCONT)
        try slow(by: .zero)
    }

    func publishForeign(_ count: Int, to topic: String) async throws {
        // With a key that is none of the suite's, and a header of another layout; a null in the place of nothing.
        let lines = (0..<count).map { ["foreign:text", "foreign:", ":\u{FFFD}", ":"][$0 % 4] + "\n" }.joined()
        try folder.write(lines, to: "records")
        let command = [
            "kcat", "-b", mock.servers.joined(separator: ","), "-P", "-t", topic, "-K", ":", "-Z", "-H", "anything=else",
        ]
        try await ForeignClient.run(command + ["-l", folder.file("records")], in: folder)
    }
}
