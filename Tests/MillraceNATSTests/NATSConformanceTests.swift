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

        /// All topics are subjects of one stream, as where a stream stands for a part of a company.
        @Test(arguments: ConformanceTest.all) func conformsWithinOneStream(_ test: ConformanceTest) async throws {
            try await Self.turnstile.pass { _ = try await test.run(on: try await .oneStream(.limits)) }
        }

        /// Each message is read by one group there, and is gone when that has acknowledged it.
        @Test(arguments: ConformanceTest.all.filter { ["passedOn", "sharedIDs"].contains($0.name) })
        func conformsWithinOneWorkQueue(_ test: ConformanceTest) async throws {
            for retention in [NATSNewStreams.Retention.workQueue, .interest] {
                #expect(try await test.run(on: try await .oneStream(retention)) == .passed)
            }
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
        return subject
    }

    /// Topics within one stream.
    static func oneStream(_ retention: NATSNewStreams.Retention) async throws -> ConformanceSubject {
        let server = try await NATSServer.shared
        let maker = try await server.connect {
            $0.newStreams?.retention = retention
            $0.newStreams?.subjects = ["\(retention).>"]
        }
        try await maker.prepare(topic: "first-\(retention)", group: nil)
        await maker.close()
        var subject = nats(server)
        subject.name = "nats, one stream, \(retention)"
        subject.uniqueName = { "\(retention).\($0)-\(MessageID.next())" }
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
        return subject
    }
}
