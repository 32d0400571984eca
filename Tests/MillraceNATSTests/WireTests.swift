import Millrace
import MillraceNATS
import MillraceTesting
import TestSupport
import Testing

extension NATSTests {
    /// What is on the wire, seen and written by another client.
    @Suite struct Wire {
        private func name(_ hint: String) -> String { "\(hint)-\(MessageID.next())" }

        @Test("Metadata, keys and ids that no header can hold come through, and others see what they can")
        func encoded() async throws {
            let server = try await NATSServer.shared
            let (transport, foreign) = (try await server.connect(), try await RawNATSClient.connect(to: server))
            let topic = name("encoded")
            let probe = try await TopicProbe(of: topic, on: transport)
            try await foreign.run { try $0.subscribe(to: topic) }
            let sent = Message(
                id: MessageID(" id\n"), text: "x", key: "key\r\nInjected: yes",
                metadata: [
                    "reason_poisoned": "first line\nsecond line", "a:b": "colon", " padded ": "name", "padded": " value ",
                    "Nats-Rollup": "all", "Status": "503", "tab": "a\tb", "percent": "100 %&=",
                ])
            try await transport.publish(sent, to: topic)
            let message = try await probe.next()
            #expect(message == sent)
            let received = try await foreign.run { try $0.next() }
            #expect(received.headers.contains("reason_poisoned: first line second line"))
            #expect(
                !received.headers.contains { $0.hasPrefix("Nats-Rollup") || $0.hasPrefix("Injected") || $0.hasPrefix("Status") })
            await transport.close()
        }

        @Test("More headers than JetStream takes are the message's fault, and the others are accepted")
        func tooManyHeaders() async throws {
            let transport = try await NATSServer.shared.connect()
            let topic = name("headers")
            let large = Message(text: "x", metadata: ["k": String(repeating: "v", count: 70_000)])
            let error = await #expect(throws: MillraceError.self) {
                try await transport.publish([Message(text: "first"), large, Message(text: "last")], to: topic)
            }
            #expect(error?.failures.map(\.index) == [1])
            #expect((error?.underlying as? MillraceError)?.code == .invalidMessage)
            let depth = try await texts(of: topic, on: transport)
            #expect(depth == ["first", "last"])
            await transport.close()
        }

        private func texts(of topic: String, on transport: NATSTransport) async throws -> [String?] {
            try await TopicProbe(of: topic, on: transport, group: "g").collect(2).map(\.payload.text)
        }

        @Test("Large payloads keep their bytes as long as the message lives")
        func large() async throws {
            let transport = try await NATSServer.shared.connect()
            let topic = name("large")
            let probe = try await TopicProbe(of: topic, on: transport)
            let payloads = (0..<20).map { number in [UInt8](repeating: UInt8(number), count: 100_000) }
            try await transport.publish(payloads.map { Message(payload: $0) }, to: topic)
            let messages = try await probe.collect(20)
            await transport.close()
            for (message, payload) in zip(messages, payloads) {
                #expect(message.payload.withUnsafeBytes { $0.elementsEqual(payload) })
            }
        }

        @Test(
            "A request is answered, by core NATS; one that nobody hears fails at once; one without an answer in time fails then")
        func requests() async throws {
            let server = try await NATSServer.shared
            let client = try await server.connect()
            let responder = try await server.connect { $0.mode = .core }
            let topic = name("requests")
            async let answered: Void = responder.withSubscription(to: topic, group: "workers") { deliveries in
                for try await delivery in deliveries {
                    let text = delivery.message.payload.text ?? ""
                    if text != "silence" {
                        try await responder.respond(to: delivery.message, with: Message(text: "answer to \(text)"))
                    }
                    delivery.acknowledge()
                    if text == "end" { return }
                }
            }
            while true {
                // Nobody listens until the subscription is there.
                do {
                    #expect(try await client.request(Message(text: "1"), to: topic).payload.text == "answer to 1")
                    break
                } catch let error as MillraceError where error.code == .connectionFailed { await Task.yield() }
            }
            let silence = await #expect(throws: MillraceError.self) {
                try await client.request(Message(text: "silence"), to: topic, timeout: .milliseconds(50))
            }
            #expect(silence?.code == .timedOut)
            #expect(try await client.request(Message(text: "end"), to: topic).payload.text == "answer to end")
            try await answered
            let nobody = await #expect(throws: MillraceError.self) {
                try await client.request(Message(text: "x"), to: self.name("nobody"))
            }
            #expect(nobody?.code == .connectionFailed)
            let noRequest = await #expect(throws: MillraceError.self) {
                try await responder.respond(to: Message(text: "x"), with: Message(text: "y"))
            }
            #expect(noRequest?.code == .invalidMessage)
            await client.close()
            await responder.close()
        }
    }
}
