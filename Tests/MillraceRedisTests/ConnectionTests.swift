@testable import MillraceRedis
import Millrace
import MillraceTesting
import TestSupport
import Testing

extension RedisTests {
    @Suite("A connection") struct Connections {
        private func refusal(_ options: RedisOptions) async -> MillraceError? {
            await #expect(throws: MillraceError.self) {
                _ = try await withTimeLimit(RedisTests.patience, "a refusal") {
                    try await RedisTransport(options, observers: Observers())
                }
            }
        }

        @Test("to a server with another password is refused, and says so without telling it") func wrongPassword() async throws {
            let server = try await RedisServer.start(.init(password: "right"))
            var options = RedisOptions(endpoints: [.tcp(host: "127.0.0.1", port: server.port)])
            let missing = await refusal(options)
            #expect(missing?.code == .connectionFailed)
            #expect(missing?.isRetriable == false)
            options.password = "wr0ng"
            let wrong = await refusal(options)
            #expect(wrong?.message.contains("password") == true)
            #expect(wrong?.description.contains("wr0ng") == false)
            options.password = "right"
            let transport = try await RedisTransport(options, observers: Observers())
            try await transport.publish(Message(text: "x"), to: "topic")
            await transport.close()
        }

        @Test("to nobody fails at once; to a host that is silent, within the connect time-out") func unreachable() async throws {
            let port = try FreePorts.choose(1)[0]
            var options = RedisOptions(endpoints: [.tcp(host: "127.0.0.1", port: port)])
            #expect(await refusal(options)?.message.contains("127.0.0.1:\(port)") == true)
            let server = try await RedisServer.start()
            server.pause()
            defer { server.resume() }
            options.endpoints = [.tcp(host: "127.0.0.1", port: server.port)]
            options.connectTimeout = .milliseconds(200)
            #expect(await refusal(options)?.message.contains("no connection within") == true)
            options.endpoints = [.tcp(host: "no-such-host.invalid", port: port)]
            options.connectTimeout = .seconds(5)
            #expect(await refusal(options)?.code == .connectionFailed)
        }

        @Test("to a node of a cluster is refused") func cluster() async throws {
            let server = try await RedisServer.start(.init(extra: ["cluster-enabled yes"]))
            let error = await refusal(RedisOptions(endpoints: [.tcp(host: "127.0.0.1", port: server.port)]))
            #expect(error?.code == .unsupported)
        }

        @Test("with TLS works, checks the server's name, and shows a client's certificate") func encrypted() async throws {
            let certificates = try await TestCertificates.shared
            let server = try await RedisServer.start(.init(certificates: certificates, requiresClientCertificate: true))
            let port = try #require(server.tlsPort)
            var tls = RedisTLS(
                caFile: certificates.pem("ca"), certificateFile: certificates.pem("client"),
                keyFile: certificates.key("client"), serverName: "localhost")
            var options = RedisOptions(endpoints: [.tcp(host: "127.0.0.1", port: port)], tls: tls)
            let transport = try await RedisTransport(options, observers: Observers())
            let probe = try await TopicProbe(of: "encrypted", on: transport)
            let large = Message(payload: [UInt8](repeating: 7, count: 3_000_000))
            try await transport.publish([Message(text: "x"), large], to: "encrypted")
            let received = try await probe.collect(2)
            #expect(received[1] == large)
            await transport.close()

            tls.serverName = "example.org"
            options.tls = tls
            let wrongName = await refusal(options)
            #expect(wrongName?.message.contains("example.org") == true, "\(wrongName?.message ?? "")")
        }

        @Test("that was lost comes back; what was accepted before and meanwhile arrives") func restart() async throws {
            let server = try await RedisServer.start(.init(isDurable: true))
            let observer = RecordingObserver(level: .info)
            let transport = try await RedisTransport(url: server.url, observers: Observers([observer]))
            let subscription = try await transport.subscribe(to: "topic", SubscriptionOptions(group: "g"))
            try await transport.publish(Message(text: "before"), to: "topic")
            server.kill9()
            try await observer.event { if case .disconnected = $0.kind { true } else { false } }
            let meanwhile = Task { try await transport.publish(Message(text: "meanwhile"), to: "topic") }
            try await server.restart()
            try await meanwhile.value
            var texts: [String] = []
            try await withTimeLimit(RedisTests.patience, "both messages") { [texts] in
                var texts = texts
                var batch = DeliveryBatch()
                while !texts.contains("meanwhile") || !texts.contains("before") {
                    batch.removeAll()
                    guard try await subscription.pull(into: &batch, upTo: 10) else { break }
                    texts += batch.records.compactMap(\.message.payload.text)
                    subscription.acknowledge(batch.records.map(\.token))
                }
            }
            texts = []
            await transport.close()
        }

        @Test("that hangs is given up after the command time-out, and work goes on when the server does") func hang() async throws
        {
            let server = try await RedisServer.start()
            var options = try RedisOptions(url: server.url)
            options.commandTimeout = .milliseconds(300)
            let observer = RecordingObserver(level: .info)
            let transport = try await RedisTransport(options, observers: Observers([observer]))
            server.pause()
            let publishing = Task { try await transport.publish(Message(text: "x"), to: "topic") }
            try await observer.event { if case .disconnected = $0.kind { true } else { false } }
            server.resume()
            // Either it gets through in time, or it fails clearly; it does not hang.
            _ = try await withTimeLimit(RedisTests.patience, "the publisher's end") { await publishing.result }
            try await transport.publish(Message(text: "y"), to: "topic")
            await transport.close()
        }
    }
}
