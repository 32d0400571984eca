import Millrace
import MillraceNATS
import MillraceTesting
import Testing

extension NATSTests {
    /// What is on the wire, seen and written by another client.
    @Suite struct Wire {
        private func name(_ hint: String) -> String { "\(hint)-\(MessageID.next())" }

        @Test("Messages have Watermill's layout: a header with the id, one for each metadata key, the payload as body")
        func layout() async throws {
            let server = try await NATSServer.shared
            let (transport, foreign) = (try await server.connect(), try await ForeignClient.connect(to: server))
            let topic = name("layout")
            try await foreign.run { try $0.subscribe(to: topic) }
            let id = MessageID.next()
            try await transport.publish(
                Message(
                    id: id, text: "body", key: "ada", metadata: ["name": "Order", "correlation_id": "c 1", "größe": "naïve"]),
                to: topic)
            let received = try await foreign.run { try $0.next() }
            #expect(received.text == "body")
            #expect(
                Set(received.headers) == [
                    "_watermill_message_uuid: \(id)", "millrace-key: ada", "name: Order", "correlation_id: c 1",
                    "größe: naïve", "Nats-Msg-Id: \(id)",
                ])
            await transport.close()
        }

        @Test("A message of Watermill's is read as it was meant")
        func watermill() async throws {
            let server = try await NATSServer.shared
            let (transport, foreign) = (try await server.connect(), try await ForeignClient.connect(to: server))
            let topic = name("watermill")
            let probe = try await TopicProbe(of: topic, on: transport)
            try await foreign.run {
                try $0.publish(
                    Array("body".utf8), to: topic,
                    headers: [
                        "_watermill_message_uuid: 8a5c4a3e-1b2c-4d5e-8f90-a1b2c3d4e5f6", "name: Order", "Nats-Expected-Stream: x",
                    ])
            }
            // The server refuses what expects another stream, so that it is published once more without.
            try await foreign.run {
                try $0.publish(
                    Array("body".utf8), to: topic,
                    headers: ["_watermill_message_uuid: 8a5c4a3e-1b2c-4d5e-8f90-a1b2c3d4e5f6", "name: Order", "Nats-Msg-Id: 7"])
            }
            let message = try await probe.next()
            #expect(message.id == "8a5c4a3e-1b2c-4d5e-8f90-a1b2c3d4e5f6")
            #expect(message.payload.text == "body")
            #expect(message.metadata == ["name": "Order"])
            #expect(message.key == nil)
            await transport.close()
        }

        @Test("Whatever a foreign producer writes arrives, with its bytes", arguments: [false, true])
        func foreign(isCore: Bool) async throws {
            let server = try await NATSServer.shared
            let (transport, foreign) = (
                try await server.connect { $0.mode = isCore ? .core : .jetStream }, try await ForeignClient.connect(to: server)
            )
            let topic = name("foreign")
            let probe = try await TopicProbe(of: topic, on: transport)
            let long = String(repeating: "x", count: 5_000)
            let cases: [([UInt8], [String]?)] = [
                ([], nil), ([0xFF, 0x00, 0x0D, 0x0A], nil), (Array("a".utf8), []),
                (Array("b".utf8), ["empty:", "next: value"]), ([], ["empty:", "next: value", "last:"]),
                (Array("c".utf8), ["_watermill_message_uuid:", "twice: 1", "twice: 2"]),
                (Array("d".utf8), ["_watermill_message_uuid: not a uuid", "no colon", ": nameless", "spaced  :  out  "]),
                (Array("e".utf8), ["long: \(long)", "time: 12:30:00"]),
            ]
            for (payload, headers) in cases {
                try await foreign.run { try $0.publish(payload, to: topic, headers: headers) }
            }
            let messages = try await probe.collect(cases.count)
            #expect(messages.map { message in message.payload.withUnsafeBytes { Array($0) } } == cases.map(\.0))
            #expect(messages[0].metadata == [:])
            #expect(messages[3].metadata == ["empty": "", "next": "value"])
            #expect(messages[4].metadata == ["empty": "", "next": "value", "last": ""])
            #expect(messages[5].metadata == ["twice": "1"])
            #expect(messages[6].id == "not a uuid")
            #expect(messages[6].metadata == [MetadataKey.unnamed: "nameless", "spaced  ": "out"])
            #expect(messages[7].metadata == ["long": long, "time": "12:30:00"])
            if !isCore { #expect(messages[0].id == MessageID("\(topic)-1")) }
            await transport.close()
        }

        @Test("Metadata, keys and ids that no header can hold come through, and others see what they can")
        func encoded() async throws {
            let server = try await NATSServer.shared
            let (transport, foreign) = (try await server.connect(), try await ForeignClient.connect(to: server))
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
