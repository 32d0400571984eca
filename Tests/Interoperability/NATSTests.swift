import Foundation
import Millrace
import MillraceNATS
import MillraceTesting
import TestSupport
import Testing

extension InteroperabilityTests {
    /// With a client that speaks the protocol by itself; and with nats-py, when `MILLRACE_NATS_PYTHON` names a Python that has it.
    @Suite struct NATS {
        enum Client: String, CaseIterable, Sendable { case raw, python }

        static let clients: [Client] = interpreter == nil ? [.raw] : [.raw, .python]
        private static let interpreter: String? = {
            let given = ProcessInfo.processInfo.environment["MILLRACE_NATS_PYTHON"] ?? ""
            return given.isEmpty ? nil : given
        }()

        private func client(_ client: Client, _ server: NATSServer) -> any ForeignClient {
            switch client {
            case .raw: RawNATS(server: server)
            case .python: PythonClient(script: "nats_client.py", interpreter: Self.interpreter ?? "")
            }
        }

        private func connect(_ server: NATSServer, _ mode: NATSOptions.Mode = .jetStream) async throws -> NATSTransport {
            var options = NATSOptions(servers: ["127.0.0.1:\(server.port)"])
            options.mode = mode
            return try await NATSTransport(options, observers: Observers())
        }

        /// The server takes 1 MiB with the headers, and 64 KiB of them.
        private let samples = Sample.all(largest: (1 << 20) - 4_096, longest: .shorterValue)

        /// nats-py, 2.16 for one, refuses to write names of headers that are not ASCII, and passes over those that it reads.
        private func samples(as client: Client) -> [Sample] {
            client == .raw ? samples : samples.map(\.withNamesInASCII)
        }

        @Test("What Millrace writes, they read, byte for byte", arguments: clients)
        func written(_ client: Client) async throws {
            let (server, topic) = (try await NATSServer.shared, name("written"))
            let transport = try await connect(server)
            try await transport.publish(samples.map(\.message), to: topic)
            let records = try await self.client(client, server).read(samples.count, of: topic, at: server.url)
            expect(records.map(withoutHash), are: samples(as: client).map { ($0.name, $0.nats) }, fieldsHaveOrder: false)
            await transport.close()
        }

        /// `Nats-Msg-Id` has a hash of topic and content behind the id.
        private func withoutHash(_ record: WireRecord) -> WireRecord {
            var record = record
            record.fields = record.fields.map { field in
                guard field.name == Array("Nats-Msg-Id".utf8), let value = field.value else { return field }
                guard let end = value.lastIndex(of: 0x2D), 1...17 ~= value.count - end else { return field }
                return WireRecord.Field(field.name, Array(value[..<end]))
            }
            return record
        }

        @Test("What they write as Watermill does, Millrace reads", arguments: clients)
        func read(_ client: Client) async throws {
            let (server, topic) = (try await NATSServer.shared, name("read"))
            let transport = try await connect(server)
            try await transport.prepare(topic: topic, group: "g")
            let samples = samples(as: client)
            try await self.client(client, server).write(samples.map(\.nats), to: topic, at: server.url)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            expect(try await take(samples.count, of: reader), are: samples)
            await reader.close()
            await transport.close()
        }

        @Test("By core NATS, what Millrace writes is on the wire byte for byte, and what others write is read")
        func core() async throws {
            let (server, topic) = (try await NATSServer.shared, name("core"))
            let (transport, foreign) = (try await connect(server, .core), try await RawNATSClient.connect(to: server))
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions())
            try await RawNATS(server: server).write(samples.map(\.amqp), to: topic, at: server.url)
            expect(try await take(samples.count, of: reader), are: samples)
            try await foreign.run { try $0.subscribe(to: topic) }
            try await transport.publish(samples.map(\.message), to: topic)
            for sample in samples {
                let received = try await foreign.run { try $0.next() }
                let expected = sample.amqp.fields.map { Self.line($0) }.sorted()
                #expect(received.headers.sorted() == expected, "\(sample.name)")
                let isSame = received.payload == sample.payload
                #expect(isSame, "\(sample.name): \(received.payload.count) bytes that are not those of the sample")
            }
            await reader.close()
            await transport.close()
        }

        private static func line(_ field: WireRecord.Field) -> String {
            String(decoding: field.name, as: UTF8.self) + ": " + String(decoding: field.value ?? [], as: UTF8.self)
        }

        @Test("What they write in any other way is delivered as well", arguments: [NATSOptions.Mode.jetStream, .core])
        func foreign(_ mode: NATSOptions.Mode) async throws {
            let (server, topic) = (try await NATSServer.shared, name("foreign"))
            let (transport, foreign) = (try await connect(server, mode), try await RawNATSClient.connect(to: server))
            let probe = try await TopicProbe(of: topic, on: transport)
            let long = String(repeating: "x", count: 5_000)
            let cases: [([UInt8], [String]?)] = [
                ([], nil), ([0xFF, 0x00, 0x0D, 0x0A], nil), (Array("a".utf8), []),
                (Array("b".utf8), ["empty:", "next: value"]), ([], ["empty:", "next: value", "last:"]),
                (Array("c".utf8), ["_watermill_message_uuid:", "twice: 1", "twice: 2"]),
                (Array("d".utf8), ["_watermill_message_uuid: not a uuid", "no colon", ": nameless", "spaced  :  out  "]),
                (Array("e".utf8), ["long: \(long)", "time: 12:30:00", "Nats-Msg-Id: 7"]),
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
            if mode == .jetStream { #expect(messages[0].id == MessageID("\(topic)-1")) }
            await probe.close()
            await transport.close()
        }
    }
}

extension Sample {
    /// The same without the metadata whose names are not ASCII.
    fileprivate var withNamesInASCII: Sample {
        Sample(name, id: id, payload, key: message.key, headers.filter { $0.0.utf8.allSatisfy { $0 < 0x80 } }, packed: packed)
    }
}
