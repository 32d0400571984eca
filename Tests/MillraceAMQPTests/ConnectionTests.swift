import Millrace
import MillraceAMQP
import MillraceTesting
import TestSupport
import Testing

extension AMQPTests {
    @Suite("A connection") struct Connections {
        private let topic = "connection-\(MessageID.next())"

        private func roundTrip(_ transport: AMQPTransport) async throws {
            let probe = try await TopicProbe(of: topic, on: transport)
            try await transport.publish(Message(text: "hello"), to: topic)
            #expect(try await probe.next().payload.text == "hello")
        }

        @Test("is encrypted, and shows both sides who the other is") func tls() async throws {
            let certificates = try await TestCertificates.shared
            let server = try await RabbitServer.start(certificates: certificates)
            var options = try AMQPOptions(url: "amqps://localhost:\(server.tlsPort)")
            options.tls = AMQPTLS(
                caFile: certificates.pem("ca"), certificateFile: certificates.pem("client"), keyFile: certificates.key("client"))
            let transport = try await AMQPTransport(options, observers: Observers())
            try await roundTrip(transport)
            // More than a record of TLS, which comes in pieces.
            let probe = try await TopicProbe(of: topic + "-large", on: transport)
            let large = Message(payload: [UInt8](repeating: 7, count: 3 << 20))
            try await transport.publish(large, to: topic + "-large")
            #expect(try await probe.next() == large)
            await transport.close()

            func refused(_ change: (inout AMQPOptions) -> Void) async -> MillraceError? {
                var wrong = options
                change(&wrong)
                wrong.connectTimeout = .seconds(2)
                let options = wrong
                return await #expect(throws: MillraceError.self) { try await AMQPTransport(options, observers: Observers()) }
            }
            #expect(await refused { $0.tls?.caFile = certificates.pem("stranger-ca") }?.code == .connectionFailed)
            #expect(await refused { $0.tls = AMQPTLS(caFile: certificates.pem("ca")) }?.code == .connectionFailed)
            #expect(await refused { $0.tls?.caFile = "/nowhere" }?.code == .invalidOption)
            // The same server by a name that its certificate is not for.
            #expect(await refused { $0.servers = [AMQPEndpoint(host: "127.1", port: server.tlsPort)] }?.code == .connectionFailed)
            // A server that does not encrypt: nothing is said to it in clear text.
            #expect(
                await refused { $0.servers = [AMQPEndpoint(host: "localhost", port: server.port)] }?.code == .connectionFailed)
            options.tls?.caFile = certificates.pem("stranger-ca")
            options.tls?.verifies = false
            await (try AMQPTransport(options, observers: Observers())).close()
        }

        @Test("that hangs is given up by its heartbeat, and replaced") func hangs() async throws {
            let port = try AMQPOptions(url: try await Conformance.url).servers[0].port
            let proxy = try TCPProxy(to: port)
            let events = RecordingObserver()
            var options = AMQPOptions(servers: [AMQPEndpoint(host: "127.0.0.1", port: proxy.port)])
            options.heartbeat = .seconds(1)
            options.connectTimeout = .seconds(1)
            options.publishTimeout = .seconds(1)
            let transport = try await AMQPTransport(options, observers: Observers([events]))
            try await roundTrip(transport)
            proxy.stall()
            let topic = topic
            let error = await #expect(throws: MillraceError.self) { try await transport.publish(Message(text: "x"), to: topic) }
            #expect(error?.code == .publishFailed && error?.isRetriable == true)
            _ = try await events.event { if case .disconnected = $0.kind { true } else { false } }
            proxy.resume()
            try await withTimeLimit(AMQPTests.patience, "a message after the stall") {
                while true {
                    do {
                        return try await transport.publish(Message(text: "y"), to: topic)
                    } catch let error as MillraceError where error.isRetriable {}
                }
            }
            await transport.close()
            proxy.close()
        }

        @Test("goes to another server when the first one is away") func severalServers() async throws {
            let port = try AMQPOptions(url: try await Conformance.url).servers[0].port
            let free = try FreePorts.choose(1)[0]
            let options = AMQPOptions(servers: [free, port].map { AMQPEndpoint(host: "127.0.0.1", port: $0) })
            let transport = try await AMQPTransport(options, observers: Observers())
            try await roundTrip(transport)
            #expect(try await transport.broker().name == "RabbitMQ")
            await transport.close()
        }

        @Test("waits for a publisher that is cancelled no longer") func cancelled() async throws {
            let port = try AMQPOptions(url: try await Conformance.url).servers[0].port
            let proxy = try TCPProxy(to: port)
            let options = AMQPOptions(servers: [AMQPEndpoint(host: "127.0.0.1", port: proxy.port)])
            let transport = try await AMQPTransport(options, observers: Observers())
            try await roundTrip(transport)
            proxy.stall()
            // To a topic that is known, and to one that would have to be declared.
            for name in [topic, topic + "-new"] {
                let publishing = Task { try await transport.publish([Message(text: "x"), Message(text: "y")], to: name) }
                await Task.yield()
                publishing.cancel()
                let result = try await withTimeLimit(.seconds(5), "a publisher that is cancelled") { await publishing.result }
                let error = #expect(throws: MillraceError.self) { try result.get() }
                #expect(error?.code == .publishFailed && error?.underlying is CancellationError)
            }
            proxy.resume()
            await transport.close()
            proxy.close()
        }
    }
}
