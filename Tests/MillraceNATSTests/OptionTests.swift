import Millrace
import TestSupport
import Testing

@testable import MillraceNATS

extension NATSTests {
    /// Options, URLs, and who may connect.
    @Suite struct Options {
        @Test("A URL says everything that the options have")
        func url() throws {
            let options = try NATSOptions(
                url: "nats://ada:p%40ss@one:1234,two?mode=core&name=shop&group=g&domain=hub&connect-timeout=2s"
                    + "&request-timeout=3s&publish-timeout=4s&ping-interval=5s&maximum-pending=6&maximum-waiting=7"
                    + "&storage=memory&retention=workqueue&replicas=3&maximum-messages=8&maximum-bytes=9&maximum-age=10s"
                    + "&maximum-message-size=11&deduplication-window=12s&maximum-ack-pending=13&maximum-deliveries=14"
                    + "&inactive-threshold=15s&deduplicates=false&attempts-bucket=&dead-letters=")
            let expected = NATSOptions(
                servers: ["one:1234", "two:4222"], mode: .core, name: "shop",
                security: NATSSecurity(username: "ada", password: "p@ss"), connectTimeout: .seconds(2),
                requestTimeout: .seconds(3), publishTimeout: .seconds(4), pingInterval: .seconds(5), maximumPending: 6,
                maximumWaiting: 7, group: "g", deadLetters: .drop,
                newStreams: NATSNewStreams(
                    storage: .memory, retention: .workQueue, replicas: 3, maximumMessages: 8, maximumBytes: 9,
                    maximumAge: .seconds(10), maximumMessageSize: 11, deduplicationWindow: .seconds(12)),
                consumers: NATSConsumers(
                    maximumAckPending: 13, maximumDeliveries: 14, inactiveThreshold: .seconds(15)), deduplicates: false,
                domain: "hub", attemptsBucket: nil)
            #expect(options == expected)
            #expect(try NATSOptions(url: "nats://").servers == ["localhost:4222"])
            #expect(try NATSOptions(url: "nats://[::1]").servers == ["[::1]:4222"])
            #expect(try NATSOptions(url: "nats://a?streams=existing").newStreams == nil)
            let secure = try NATSOptions(url: "natss://a?ca=x&cert=y&key=z&server-name=n&verify=false&nkey=U&seed=s").security
            #expect(
                secure
                    == NATSSecurity(
                        isEncrypted: true, caFile: "x", certificateFile: "y", keyFile: "z", serverName: "n", verifies: false,
                        nkey: "U", seedFile: "s"))
        }

        @Test(
            "What is out of bounds is refused, with its name, and no secret is shown",
            arguments: [
                ("nats://a?mode=fast", "mode"), ("nats://a?maximum-pending=0", "maximum-pending"), ("nats:a", "url"),
                ("nats://a?ca=x", "ca"), ("nats://a?replicas=9", "replicas"), ("nats://a:0", "port"), ("nats://a?x=1", "x"),
                ("nats://a?domain=a.b", "domain"), ("nats://a?dead-letters=%20", "dead-letters"),
                ("nats://hidden@a", "username"), ("nats://hidden:hidden@a?nkey=U&seed=s", "security"),
                ("nats://a?nkey=U", "nkey"), ("nats://a?maximum-age=1ms", "maximum-age"),
                ("nats://a?storage=memory&streams=existing", "storage"),
            ])
        func invalid(_ url: String, _ part: String) {
            let error = #expect(throws: MillraceError.self) {
                let options = try NATSOptions(url: url)
                _ = options
            }
            #expect(error?.code == .invalidOption)
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("hidden") == false)
        }

        @Test("Descriptions show no secret")
        func descriptions() {
            let options = NATSOptions(security: NATSSecurity(username: "hidden", password: "hidden"))
            var dumped = ""
            dump(options, to: &dumped)
            dump(options.security, to: &dumped)
            for text in ["\(options)", String(reflecting: options), "\(options.security)", dumped] {
                #expect(!text.contains("hidden"))
            }
        }

        @Test("Without a server there is an error at once; without JetStream one that says so, and core works")
        func noServer() async throws {
            let port = try FreePorts.choose(1)[0]
            let unreachable = await #expect(throws: MillraceError.self) {
                _ = try await NATSTransport(NATSOptions(servers: ["127.0.0.1:\(port)"]), observers: Observers())
            }
            #expect(unreachable?.code == .connectionFailed)
            #expect(unreachable?.isRetriable == true)
            let server = try await NATSServer.start(jetStream: false)
            let without = await #expect(throws: MillraceError.self) { _ = try await server.connect() }
            #expect(without?.code == .unsupported)
            let core = try await server.connect { $0.mode = .core }
            try await core.publish(Message(text: "x"), to: "t")
            await core.close()
        }

        @Test("The first server that answers is taken")
        func servers() async throws {
            let server = try await NATSServer.shared
            let port = try FreePorts.choose(1)[0]
            let transport = try await server.connect { $0.servers = ["127.0.0.1:\(port)", "127.0.0.1:\(server.port)"] }
            #expect(try await transport.broker().name == "NATS")
            #expect(try await transport.broker().version.first?.isNumber == true)
            await transport.close()
        }

        @Test("Users authenticate with a password, a token, or an NKey; others are refused, for good")
        func authentication() async throws {
            let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
            let nkey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
            let folder = try TemporaryFolder()
            try folder.write(seed + "\n", to: "seed")
            let ways: [(String, NATSSecurity)] = [
                ("authorization { user: ada, password: secret }", NATSSecurity(username: "ada", password: "secret")),
                ("authorization { token: secret }", NATSSecurity(token: "secret")),
                ("authorization { users: [ { nkey: \(nkey) } ] }", NATSSecurity(nkey: nkey, seedFile: folder.file("seed"))),
            ]
            for (line, security) in ways {
                let server = try await NATSServer.start([line])
                let transport = try await server.connect { $0.security = security }
                try await transport.publish(Message(text: "x"), to: "t")
                await transport.close()
                for wrong in [NATSSecurity(), NATSSecurity(username: "ada", password: "wrong")] {
                    let error = await #expect(throws: MillraceError.self) { _ = try await server.connect { $0.security = wrong } }
                    #expect(error?.code == .connectionFailed)
                    #expect(error?.isRetriable == false, "\(line): \(error?.message ?? "")")
                }
            }
        }

        @Test("What a user may not publish is refused, and does not wait for the time-out")
        func permissions() async throws {
            let server = try await NATSServer.start([
                "authorization { users: [ { user: ada, password: x, permissions: { publish: { deny: \"secret.>\" } } } ] }"
            ])
            let transport = try await server.connect { $0.security = NATSSecurity(username: "ada", password: "x") }
            let started = ContinuousClock.now
            let error = await #expect(throws: MillraceError.self) {
                try await transport.publish(Message(text: "x"), to: "secret.plan")
            }
            #expect(error?.isRetriable == false)
            #expect(ContinuousClock.now - started < .seconds(10))
            try await transport.publish(Message(text: "x"), to: "public")
            await transport.close()
        }

        @Test("With TLS the server proves itself, and the client too if it has to")
        func tls() async throws {
            let certificates = try await TestCertificates.shared
            let server = try await NATSServer.start([
                "tls { cert_file: \"\(certificates.pem("server"))\", key_file: \"\(certificates.key("server"))\", "
                    + "ca_file: \"\(certificates.pem("ca"))\", verify: true }"
            ])
            let security = NATSSecurity(
                isEncrypted: true, caFile: certificates.pem("ca"), certificateFile: certificates.pem("client"),
                keyFile: certificates.key("client"))
            let transport = try await server.connect { $0.security = security }
            // More than one record of TLS, both ways.
            let sent = (0..<50).map { Message(payload: [UInt8](repeating: UInt8($0), count: 50_000)) }
            let subscription = try await transport.subscribe(to: "t", SubscriptionOptions())
            try await transport.publish(sent, to: "t")
            var batch = DeliveryBatch()
            while batch.count < 50 { _ = try await subscription.pull(into: &batch, upTo: 50 - batch.count) }
            #expect(batch.records.map(\.message) == sent)
            #expect(try await transport.broker().name == "NATS")
            await transport.close()
            var untrusting = security
            untrusting.caFile = nil
            var nameless = security
            (nameless.certificateFile, nameless.keyFile) = (nil, nil)
            for wrong in [untrusting, nameless, NATSSecurity()] {
                await #expect(throws: MillraceError.self) { _ = try await server.connect { $0.security = wrong } }
            }
        }

        /// Why a server is not connected to with such security; nil when it is.
        private func refusal(_ server: NATSServer, _ security: NATSSecurity) async -> MillraceError? {
            do {
                await (try await server.connect { $0.security = security }).close()
                return nil
            } catch {
                return error as? MillraceError
            }
        }

        @Test("With TLS a certificate of the right authority for another name is refused, unless that is the one asked for")
        func wrongName() async throws {
            let certificates = try await TestCertificates.shared
            let server = try await NATSServer.start([
                "tls { cert_file: \"\(certificates.pem("client"))\", key_file: \"\(certificates.key("client"))\" }"
            ])
            let security = NATSSecurity(isEncrypted: true, caFile: certificates.pem("ca"))
            #expect(await refusal(server, security)?.code == .connectionFailed)
            var named = security
            named.serverName = "client"
            #expect(await refusal(server, named) == nil)
            var careless = security
            careless.verifies = false
            #expect(await refusal(server, careless) == nil)
        }

        @Test("Nothing is said in clear text to a server that does not encrypt") func plainServer() async throws {
            let server = try await NATSServer.start()
            let security = NATSSecurity(isEncrypted: true, verifies: false, username: "ada", password: "secret")
            let error = await refusal(server, security)
            #expect(error?.code == .connectionFailed)
            #expect(error?.message.lowercased().contains("secure") == true, "\(error?.message ?? "")")
        }

        @Test(
            "The host of a server's address is what its certificate has to be for",
            arguments: [
                ("localhost:4222", "localhost"), ("10.0.0.1:4222", "10.0.0.1"), ("[::1]:4222", "::1"), ("[::1]", "::1"),
                ("one.example", "one.example"),
            ])
        func hosts(server: String, host: String) { #expect(NATSAddress.host(of: server) == host) }
    }
}
