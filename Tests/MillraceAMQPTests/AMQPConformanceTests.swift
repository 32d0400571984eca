import Foundation
import Millrace
import MillraceAMQP
import MillraceTesting
import TestSupport
import Testing

extension AMQPTests {
    /// The conformance suite on a server that all checks share: the one that `MILLRACE_AMQP_URL` names, or else one of the tests.
    @Suite struct Conformance {
        @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
            try await Self.turnstile.pass { _ = try await test.run(on: .amqp(try await Self.url, .publishSubscribe)) }
        }

        @Test(arguments: ConformanceTest.all) func conformsWithQuorumQueues(_ test: ConformanceTest) async throws {
            var topology = AMQPTopology.publishSubscribe
            topology.queueType = .quorum
            let url = try await Self.url
            try await Self.turnstile.pass { [topology] in _ = try await test.run(on: .amqp(url, topology)) }
        }

        @Test(arguments: ConformanceTest.all) func conformsWithATopicExchange(_ test: ConformanceTest) async throws {
            let url = try await Self.url
            try await Self.turnstile.pass { _ = try await test.run(on: .amqp(url, .topic(exchange: "conformance"))) }
        }

        @Test(arguments: ConformanceTest.all) func conformsWithASingleActiveConsumer(_ test: ConformanceTest) async throws {
            var topology = AMQPTopology.publishSubscribe
            topology.hasSingleActiveConsumer = true
            let url = try await Self.url
            try await Self.turnstile.pass { [topology] in _ = try await test.run(on: .amqp(url, topology)) }
        }

        static var url: String {
            get async throws {
                let given = ProcessInfo.processInfo.environment["MILLRACE_AMQP_URL"] ?? ""
                return given.isEmpty ? try await RabbitServer.shared.url : given
            }
        }

        private static let turnstile = Turnstile(8)
    }
}

extension ConformanceSubject {
    static func amqp(_ url: String, _ topology: AMQPTopology) -> ConformanceSubject {
        var capabilities: Capabilities = [
            .durable, .groups, .ordered, .orderedByKey, .nativeDelay, .delayedRetry, .attemptCount, .deadLetters,
        ]
        capabilities.insert(topology.hasSingleActiveConsumer ? .orderedAcrossMembers : .leases)
        var subject = ConformanceSubject("amqp, \(topology.queueType), \(topology.exchangeType)", capabilities: capabilities) {
            var options = try AMQPOptions(url: url)
            options.topology = topology
            return try await AMQPTransport(options, observers: Observers())
        }
        // Another member waits for the whole queue, and not for single messages.
        subject.sharesByPartition = topology.hasSingleActiveConsumer
        // The real clock, on a machine that runs other tests at the same time.
        subject.lease = .seconds(3)
        subject.idleTimeout = AMQPTests.patience
        return subject
    }
}
