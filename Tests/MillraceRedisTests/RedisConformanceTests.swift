import Millrace
import MillraceRedis
import MillraceTesting
import Testing

extension RedisTests {
    /// The conformance suite on a server that all checks share, and on one with encryption.
    @Suite struct Conformance {
        @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
            try await test.run(on: .redis(try await RedisServer.shared))
        }

        @Test(arguments: ConformanceTest.all.filter { ["reconnect"].contains($0.name) })
        func survivesARestart(_ test: ConformanceTest) async throws {
            let server = try await RedisServer.start(.init(isDurable: true))
            var subject = ConformanceSubject.redis(server)
            subject.restart = { try await server.restart() }
            let outcome = try await test.run(on: subject)
            #expect(outcome == .passed)
        }
    }
}

extension ConformanceSubject {
    static func redis(_ server: RedisServer) -> ConformanceSubject {
        let url = server.url
        var subject = ConformanceSubject(
            "redis",
            capabilities: [
                .durable, .groups, .ordered, .orderedByKey, .delayedRetry, .attemptCount, .replay, .leases, .deadLetters,
            ]
        ) {
            try await RedisTransport(url: url, observers: Observers())
        }
        // The real clock, on a machine that runs other tests at the same time.
        subject.lease = .seconds(2)
        return subject
    }
}
