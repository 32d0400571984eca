import Millrace
import MillraceKafka
import MillraceTesting
import Testing

extension KafkaTests {
    /// The conformance suite on a cluster that all checks share.
    @Suite struct Conformance {
        /// When a commit crosses the end of a rebalance, librdkafka gives up all partitions. What that repeats is not held against
        /// the transport: the check is made again.
        @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
            try await Self.turnstile.pass {
                for attempt in 1... {
                    let observer = RecordingObserver(level: .warning)
                    do {
                        try await test.run(on: .kafka(try MockCluster.shared.get(), Observers([observer])))
                        return
                    } catch  where attempt < 3 && observer.hasLostPartitions {
                        continue
                    }
                }
            }
        }

        // A member that gets no processor time for seconds is taken for dead.
        private static let turnstile = Turnstile(32)
    }
}

extension RecordingObserver {
    fileprivate var hasLostPartitions: Bool {
        events.contains { event in
            guard case .disconnected(_, let error) = event.kind else { return false }
            return "\(error)".contains("has given away partitions")
        }
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
        subject.idleTimeout = KafkaTests.patience
        return subject
    }
}
