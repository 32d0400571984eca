import Millrace
import MillraceNATS
import MillraceTesting
import TestSupport
import Testing

extension NATSTests {
    /// The conformance suite on a server that all checks share.
    @Suite struct Conformance {
        @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
            try await Self.turnstile.pass { _ = try await test.run(on: .nats(try await NATSServer.shared)) }
        }

        @Test(arguments: ConformanceTest.all) func conformsInCoreMode(_ test: ConformanceTest) async throws {
            try await Self.turnstile.pass { _ = try await test.run(on: .coreNATS(try await NATSServer.shared)) }
        }

        // Few at a time: where a round trip takes longer than leases last, nothing gets anywhere.
        private static let turnstile = Turnstile(16)

        @Test(arguments: ConformanceTest.all.filter { ["reconnect"].contains($0.name) }, [false, true])
        func survivesARestart(_ test: ConformanceTest, killing: Bool) async throws {
            let server = try await NATSServer.start()
            var subject = ConformanceSubject.nats(server)
            subject.restart = { try await server.restart(killing: killing) }
            let outcome = try await test.run(on: subject)
            #expect(outcome == .passed)
        }
    }
}

extension ConformanceSubject {
    static func nats(_ server: NATSServer) -> ConformanceSubject {
        var subject = ConformanceSubject(
            "nats",
            capabilities: [
                .durable, .groups, .ordered, .orderedByKey, .nativeDelay, .delayedRetry, .attemptCount, .replay, .leases,
                .deadLetters, .startAtPosition,
            ]
        ) {
            try await server.connect()
        }
        subject.lease = .seconds(3)
        subject.idleTimeout = NATSTests.patience
        subject.maximumPayload = (1 << 20) - 4_096
        return subject
    }

    static func coreNATS(_ server: NATSServer) -> ConformanceSubject {
        var subject = ConformanceSubject(
            "nats-core",
            capabilities: [.liveGroups, .ordered, .orderedByKey, .delayedRetry, .attemptCount, .leases, .deadLetters]
        ) {
            try await server.connect { $0.mode = .core }
        }
        subject.lease = .seconds(3)
        subject.idleTimeout = NATSTests.patience
        subject.maximumPayload = (1 << 20) - 4_096
        return subject
    }
}
