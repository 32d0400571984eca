import Millrace
import MillraceKafka
import MillraceTesting
import Testing

extension KafkaTests {
    /// The conformance suite on a cluster that all checks share.
    @Suite struct Conformance {
        @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
            _ = try await Self.turnstile.pass { try await test.run(on: .kafka(try MockCluster.shared.get())) }
        }

        // A member that gets no processor time for seconds is taken for dead.
        private static let turnstile = Turnstile(32)
    }
}

extension ConformanceSubject {
    static func kafka(_ cluster: MockCluster, _ observers: Observers = Observers()) -> ConformanceSubject {
        var subject = ConformanceSubject(
            "kafka",
            capabilities: [
                .durable, .groups, .orderedByKey, .orderedAcrossMembers, .delayedRetry, .attemptCount, .replay, .deadLetters,
                .startAtPosition, .transactions,
            ]
        ) {
            try await KafkaTransport(cluster.options, observers: observers)
        }
        subject.sharesByPartition = true
        subject.keepsTransactions = false
        subject.idleTimeout = KafkaTests.patience
        return subject
    }
}
