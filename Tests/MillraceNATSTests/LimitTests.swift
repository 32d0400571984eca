import Millrace
import MillraceNATS
import MillraceTesting
import TestSupport
import Testing

extension NATSTests {
    /// Limits of deliveries, which count what members had fetched when they ended.
    @Suite("Limits of deliveries") struct Limits {
        private let topic = "limits-\(MessageID.next())"
        private let sent = Set((0..<20).map { "\($0)" })
        private let options = SubscriptionOptions(group: "g", prefetch: 50, lease: .seconds(2))

        private func connect(_ port: Int, _ observers: Observers = Observers()) async throws -> NATSTransport {
            var options = NATSOptions(servers: ["127.0.0.1:\(port)"])
            options.consumers.maximumDeliveries = 3
            options.connectTimeout = .milliseconds(500)
            return try await NATSTransport(options, observers: observers)
        }

        /// What comes within a while, up to so many, acknowledged.
        private func take(_ count: Int, of reader: any Subscription, within time: Duration) async throws -> Set<String> {
            var batch = DeliveryBatch()
            let deadline = SystemClock.shared.now.advanced(by: time)
            while batch.count < count, SystemClock.shared.now < deadline {
                _ = try await reader.pull(into: &batch, upTo: count - batch.count, until: deadline)
            }
            reader.acknowledge(batch.records.map(\.token))
            return Set(batch.records.map { $0.message.payload.text ?? "" })
        }

        /// Members take one message each and close, or are cut off. Then all others are in the topic, or among its dead letters.
        private func expectAll(_ members: Int, _ server: NATSServer, cutsOff: Bool) async throws {
            let transport = try await connect(server.port)
            try await transport.publish((0..<sent.count).map { Message(text: "\($0)") }, to: topic)
            var found: Set<String> = []
            for _ in 0..<members {
                let proxy = try TCPProxy(to: server.port)
                let member = try await connect(proxy.port)
                let reader = try await member.subscribe(to: topic, options)
                found.formUnion(try await take(1, of: reader, within: NATSTests.patience))
                try await reader.flush()
                if cutsOff {
                    proxy.refuseConnections()
                    proxy.cutAll()
                }
                await member.close()
            }
            let readers = [
                try await transport.subscribe(to: topic, options),
                try await transport.subscribe(to: topic + ".dead-letter", SubscriptionOptions(group: "letters")),
            ]
            for _ in 0..<60 where found != sent {
                for reader in readers {
                    found.formUnion(try await take(sent.count, of: reader, within: .milliseconds(300)))
                }
            }
            #expect(found == sent)
            await transport.close()
        }

        @Test("lose nothing that members had fetched when they ended", arguments: [false, true])
        func ends(cutsOff: Bool) async throws {
            try await expectAll(cutsOff ? 4 : 8, try await NATSServer.shared, cutsOff: cutsOff)
        }

        @Test("of the server's own lose nothing that members had fetched when they closed, and are told of") func servers()
            async throws
        {
            let server = try await NATSServer.shared
            let events = RecordingObserver()
            let (transport, foreign) = (
                try await connect(server.port, Observers([events])), try await RawNATSClient.connect(to: server)
            )
            try await transport.prepare(topic: topic, group: nil)
            let topic = topic
            _ = try await foreign.run {
                try $0.request(
                    "$JS.API.CONSUMER.DURABLE.CREATE.\(topic).g",
                    #"{"stream_name":"\#(topic)","config":{"durable_name":"g","ack_policy":"explicit","max_deliver":3}}"#)
            }
            try await expectAll(3, server, cutsOff: false)
            let reader = try await transport.subscribe(to: topic, options)
            let warnings = events.events.filter { event in
                guard case .log(let message, _, _) = event.kind else { return false }
                return event.level == .warning && message.contains("after 3 deliveries")
            }
            #expect(warnings.count == 1)
            await reader.close()
            await transport.close()
        }
    }
}
