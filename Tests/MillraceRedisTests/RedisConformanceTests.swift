import Foundation
import Millrace
import MillraceRedis
import MillraceTesting
import Testing

extension RedisTests {
    /// The conformance suite on a server that all checks share: the one that `MILLRACE_REDIS_URL` names, or else one of the tests.
    @Suite struct Conformance {
        @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
            let given = ProcessInfo.processInfo.environment["MILLRACE_REDIS_URL"]
            let subject: ConformanceSubject =
                if let given, !given.isEmpty { .redis(url: given) } else { .redis(try await RedisServer.shared) }
            try await Self.turnstile.pass { _ = try await test.run(on: subject) }
        }

        /// Cuts come all the time; what the contract says holds all the same.
        @Test(arguments: ConformanceTest.all) func conformsUnderCuts(_ test: ConformanceTest) async throws {
            try await Self.cutTurnstile.pass {
                let proxy = try TCPProxy(to: try await RedisServer.shared.port)
                let random = RandomSource(seed: test.name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
                proxy.cutRandomly(every: .milliseconds(150), sparing: 200, random)
                _ = try await test.run(on: .redis(port: proxy.port))
            }
        }

        // Few at a time: where a round trip takes longer than connections live, or than leases last, nothing gets anywhere.
        private static let turnstile = Turnstile(16)
        private static let cutTurnstile = Turnstile(8)

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
    static func redis(_ server: RedisServer) -> ConformanceSubject { redis(port: server.port) }

    static func redis(port: Int) -> ConformanceSubject { redis(url: "redis://127.0.0.1:\(port)") }

    static func redis(url: String) -> ConformanceSubject {
        var subject = ConformanceSubject(
            "redis",
            capabilities: [
                .durable, .groups, .ordered, .orderedByKey, .delayedRetry, .attemptCount, .replay, .leases, .deadLetters,
                .startAtPosition,
            ]
        ) {
            // A proxy may cut the very first connection.
            for _ in 0..<20 {
                if let transport = try? await RedisTransport(url: url, observers: Observers()) {
                    return transport
                }
            }
            return try await RedisTransport(url: url, observers: Observers())
        }
        // The real clock, on a machine that runs other tests at the same time.
        subject.lease = .seconds(3)
        subject.idleTimeout = RedisTests.patience
        return subject
    }
}
